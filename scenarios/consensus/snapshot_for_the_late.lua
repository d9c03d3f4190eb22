-- A reader sleeps while files come, change and go, and the log is cut behind the others. Back again it is not
-- told what happened: it is given the state. From the difference to its own it must find which files to pull,
-- which to pull anew, and which to delete, although no command ever said so to it.
return {
  name = "consensus-snapshot-for-the-late",
  about = "A reader that missed the log installs a snapshot, and its disk follows: new, changed and deleted files.",
  phase = 3,
  params = { files = 30 },
  cluster = { writers = 1, readers = 3 },
  breaks = { arc = "converges", phase3 = "converges", phase2 = "converges" },

  run = function(c)
    local late, n = c:node("reader-2"), c.params.files
    local paths = c:flush{ files = n, bytes = "20KiB" }
    c:settle("1m")
    late:stop{}
    for at = 1, n // 3 do c:delete(paths[at]) end
    for at = n // 3 + 1, n // 2 do c:node("writer-1"):rewrite(paths[at], { bytes = "30KiB" }) end
    c:flush{ files = n // 2, bytes = "20KiB" }
    c:settle("1m")
    c:truncate_log()
    c:flush{ files = 2, bytes = "20KiB" } -- the log goes on behind the snapshot
    local sent
    c:go(function()
      local a = c:attacker{ on_path = { c:leader(), late } }
      sent = a:capture{ type = "InstallSnapshot", to = late }
    end)
    late:start()
    c:wait(function() return sent ~= nil end, "1m", "the leader sends its snapshot")
    c:settle("2m")
    c:sleep("30s") -- the grace of deletions
    for at = 1, n // 3 do c:check(not late:has(paths[at]), "its copy of a deleted file stays: " .. paths[at]) end
    c:check(late:holds_all() and late:query{}.complete, "it has not what it should have")
  end,
}
