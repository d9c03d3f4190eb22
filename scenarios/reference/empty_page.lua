-- The walk goes page by page, and waits when the queue is full. Meanwhile a whole page of files is deleted.
-- The reference takes a page without entries for the end, although it carries on with a cursor: what
-- comes after it is never visited, and the walk is called complete.
return {
  name = "reference-empty-page",
  about = "In `arc` a page whose files are all gone ends the walk in the middle of the manifest, and what "
    .. "follows is never pulled.",
  params = { files = 2500 },
  cluster = { writers = 2, readers = 1, voters = 1,
              config = { replication_queue_size = 8, replication_pull_workers = 1 } },
  closing = "short",
  breaks = { arc = "walk-complete" },

  run = function(c)
    local leader, origin = c:node("writer-1"), c:node("writer-2")
    local paths = origin:flush{ files = c.params.files, bytes = 16 }
    c:sleep("1m")
    table.sort(paths)
    leader:stop{}
    for _, path in ipairs(leader:files()) do leader:remove(path) end
    c:sleep("1s")
    c.net:link(leader, "all", { latency = "20ms" })
    leader:start{}
    c:wait(function() return c:leader() == leader end, "1m", "the only voter does not lead")
    for index = 1001, 2000 do c:delete(paths[index]) end
    c:sleep("5m")
  end,
}
