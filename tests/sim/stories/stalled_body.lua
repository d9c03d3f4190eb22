-- A peer acks a fetch and then sends nothing, and closes nothing.
return {
  name = "stalled-body",
  about = "A body that does not come holds a worker up for the fetch timeout, and no longer.",
  limit = "4h",
  cluster = { writers = 1, readers = 2, config = { replication_pull_workers = 1 } },
  run = function(c)
    local origin, reader = c:node("writer-1"), c:node("reader-1")
    origin:hostile{ kind = "stall", for_ = "2h" }
    origin:flush{ files = 1, bytes = "1MiB" }
    c:sleep("10s")
    c:node("reader-2"):restart{}
    c:sleep("20m")
  end,
}
