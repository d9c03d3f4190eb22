-- A node that is up but has not found its place in the cluster yet is asked for a file.
return {
  name = "early-fetch",
  about = "A fetch from a node that has not joined yet is answered, or refused, and harms nobody.",
  limit = "30m",
  cluster = { writers = 2, readers = 2, config = { raft_snapshot_threshold = 10, raft_snapshot_interval = 1 } },
  run = function(c)
    local origin, reader = c:node("writer-1"), c:node("reader-2")
    origin:flush{ files = 40, bytes = "1KiB", every = "100ms" }
    c:wait(function() return reader:holds_all() end, "2m", "the reader has all")
    -- Back from its own snapshot, it knows the files, and cannot reach who leads now.
    origin:kill{}
    c:wait(function() return c:leader() ~= nil and c:leader() ~= origin end, "30s", "a new leader")
    c.net:partition(origin, c:leader())
    origin:start{}
    reader:kill{}
    for _, path in ipairs(reader:files()) do reader:remove(path) end
    reader:start{}
    c:sleep("30s")
    c.net:heal()
    c:settle("10m")
  end,
}
