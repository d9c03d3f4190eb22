-- A second cluster is set up beside the first, and somebody forgot its secret. From phase 4 on a node
-- of a cluster does not start without one, whether it replicates files or not. Phases 2 and 3 let
-- it run as long as it replicates nothing, and then believe every join, heartbeat and goodbye.
return {
  name = "security-no-secret-no-start",
  about = "A cluster whose secret was forgotten does not start, and its neighbour does not notice.",
  phase = 4,
  params = { files = 5 },
  cluster = { name = "prod", readers = 2 },
  closing = "short",
  breaks = { phase3 = "fail-closed-start", phase2 = "fail-closed-start" },

  run = function(c)
    local o = c:cluster{
      name = "staging",
      readers = 2,
      config = { shared_secret = "", replication_enabled = false },
    }
    c:sometimes("nodes without a secret stay down", #o:nodes{ up = true } == 0)
    c:flush{ files = c.params.files }
    c:settle("1m")
  end,
}
