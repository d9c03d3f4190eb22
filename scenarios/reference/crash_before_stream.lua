-- The handler of a fetch works in a context that is made when the stream of the write-ahead log begins. A
-- node that is asked for a file before that, because it has not found its place in the cluster yet,
-- dies of the question. (Asked again and again here, so that one question comes in time.)
return {
  name = "reference-crash-before-stream",
  about = "In phases 2 and 3 a fetch that comes before the log's stream ends the process: any early reader "
    .. "takes its origin down.",
  params = { files = 40 },
  cluster = { writers = 2, readers = 2,
              config = { raft_snapshot_threshold = 10, raft_snapshot_interval = 1 } },
  closing = "short",
  breaks = { phase2 = "memory-safe", phase3 = "memory-safe" },

  run = function(c)
    local origin, reader = c:node("writer-1"), c:node("reader-2")
    local a = c:attacker{ on_path = { origin, reader } }
    local cap
    c:go(function() cap = a:capture{ type = "FetchFile", from = reader, to = origin } end)
    origin:flush{ files = c.params.files, bytes = "1KiB", every = "100ms" }
    c:wait(function() return reader:holds_all() end, "2m", "the reader lacks files")
    c:sleep("5s")
    c:check(cap ~= nil, "no fetch passed between reader and origin")
    if not cap then return end
    -- Back from its own snapshot, the origin knows the files and cannot reach who leads now.
    origin:kill{}
    c:wait(function() return c:leader() ~= nil and c:leader() ~= origin end, "30s", "no new leader")
    c.net:partition(origin, c:leader())
    origin:start{}
    for _ = 1, 40 do
      c:go(function() a:replay(cap, { to = origin }) end)
      c:sleep("500ms")
    end
    c.net:heal()
    c:sleep("3m")
  end,
}
