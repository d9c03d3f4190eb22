-- A reader's disk says that it has synced, and has not; then its host loses power. No program can know. What
-- can be asked for is that nothing lost is taken for present in the next life: the start looks, finds out what
-- is missing or damaged, is not ready until it is back, and fetches it from the peers whose disks are honest.
return {
  name = "storage-lying-sync",
  about = "After a disk that lied about sync, the next start notices every lost file and pulls it back before it is ready.",
  phase = 4,
  params = { files = 30 },
  cluster = { writers = 1, readers = 3 },
  closing = "short",
  breaks = { phase3 = "query-complete", phase2 = "query-complete" },

  run = function(c)
    local reader = c:node("reader-1")
    reader:disk{ lie_about_sync = true }
    local paths = c:flush{ files = c.params.files, bytes = "1KiB..200KiB", every = "100ms" }
    c:settle("1m")
    reader:kill{ host = true }
    c:sleep("2s")
    local lost = 0
    for _, path in ipairs(paths) do lost = lost + (reader:has(path) and 0 or 1) end
    c:check(lost > 0, "nothing was lost: nothing is shown")
    reader:disk{}
    reader:start{}
    c:wait(function() return reader:ready() end, "5m", "it never became ready")
    for _, path in ipairs(paths) do c:check(reader:has(path), "ready without " .. path) end
    c:settle("5m")
  end,
}
