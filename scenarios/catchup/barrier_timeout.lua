-- Two readers start while nobody can be reached who knows how far the log is: first with the cluster
-- cut in halves, so that no leader answers. The barrier runs into its time-out and the walk goes on with
-- what is there; but the node says that its view is degraded, and is not ready before a later barrier
-- got through. The node that leads is restarted too: its barrier is its own to pass.
return {
  name = "catchup-barrier-timeout",
  about = "A barrier that times out lets the walk go on, degraded, and holds readiness back until a later one "
    .. "passes: a view that nobody confirmed answers no query.",
  phase = 3,
  params = { files = 20 },
  cluster = {
    writers = 1,
    readers = 2,
    config = { replication_catchup_barrier_timeout_ms = 2000 },
  },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    c:flush{ files = c.params.files }
    c:settle("1m")

    reader:stop{}
    c:flush{ files = c.params.files }
    c.net:isolate(reader)
    reader:start{}
    c:sleep("40s") -- the wait for a leader is 30 s, then comes the barrier
    c:check(reader:up(), "the reader did not survive the wait")
    c:check(reader:status().completed_at ~= 0, "the walk did not go on after the time-out")
    c:check(not reader:ready(), "ready with a view that nobody confirmed")
    c.net:heal()
    c:wait(function() return reader:ready() end, "3m", "a later barrier did not make it ready")
    c:check(reader:holds_all(), "ready without the files written while it was down")

    writer:restart{}
    c:wait(function() return writer:ready() end, "3m", "the former leader did not become ready")
    c:settle("2m")
  end,
}
