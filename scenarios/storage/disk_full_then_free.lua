-- A reader's disk fills up in the middle of a backlog: for ten minutes nothing can be written. Pulls fail, and
-- leave nothing; readiness says what it should, the other reader sees nothing of it. When there is space again
-- the missing files come by themselves, from the rescan, with nobody restarting anything.
return {
  name = "storage-disk-full-then-free",
  about = "A reader whose disk was full catches up by itself when there is space again, and shows no half file before.",
  phase = 4,
  params = { files = 40 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  limit = "2h",
  breaks = { arc = "converges", phase3 = "converges", phase2 = "converges" },

  run = function(c)
    local reader, other = c:node("reader-1"), c:node("reader-2")
    reader:disk{ free = "1MiB" }
    local paths = c:flush{ files = c.params.files, bytes = "64KiB", every = "200ms" }
    c:sleep("5s")
    c:check(other:holds_all(), "the other reader was held up by a full disk")
    c:check(not reader:holds_all(), "the disk was never full: nothing is shown")
    c:check(reader:stats().failed > 0, "no pull failed on a full disk")
    for _, path in ipairs(reader:files()) do c:check(reader:has(path), "a half file is visible: " .. path) end
    c:sleep("10m")
    reader:disk{}
    c:wait(function() return reader:holds_all() end, "12m", "with space again, files are still missing")
    for _, path in ipairs(paths) do c:check(reader:has(path), path .. " is missing") end
    c:settle("5m")
  end,
}
