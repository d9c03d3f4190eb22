-- A reader sleeps while files come, go and change, and while the log behind them is dropped. What it missed
-- comes as one snapshot, which calls nobody: its announcements have to be made from the difference. It is
-- told of everything all the same, what was deleted goes from its disk, and then it is ready.
return {
  name = "catchup-by-snapshot",
  about = "A reader that comes back behind the end of the log learns everything from a snapshot: new, changed, deleted.",
  phase = 4,
  params = { files = 30 },
  cluster = { writers = 1, readers = 2 },
  breaks = { arc = "query-complete", phase3 = "no-resurrection" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local old = c:flush{ files = c.params.files }
    c:settle("1m")
    reader:stop{}
    local new = c:flush{ files = c.params.files }
    for row = 1, 10 do c:delete(old[row]) end
    for row = 11, 15 do writer:rewrite(old[row], { bytes = "10KiB" }) end
    c:settle("1m")
    c:truncate_log()
    reader:start{}
    c:wait(function() return reader:ready() end, "2m", "it never became ready")
    for _, path in ipairs(new) do c:check(reader:has(path), "ready without " .. path) end
    for row = 11, 15 do c:check(reader:sha256(old[row]) == writer:sha256(old[row]), "an old version of " .. old[row]) end
    c:settle("1m")
    for row = 1, 10 do c:check(not reader:sha256(old[row]), old[row] .. " was deleted and is still there") end
  end,
}
