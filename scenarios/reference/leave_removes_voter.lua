-- Two of three nodes are stopped in good order, the last one loses its host, and the two come back. In the
-- reference each goodbye took a voter out of the quorum, so that the last one decided alone; the two
-- cannot agree on a leader without it, although two of three are up and neither has lost anything.
return {
  name = "reference-leave-removes-voter",
  about = "In `arc` orderly stops shrink the quorum to one node, and the cluster is gone with it; `current` "
    .. "keeps who comes back.",
  params = {},
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "liveness" },

  run = function(c)
    local writer, near, far = c:node("writer-1"), c:node("reader-1"), c:node("reader-2")
    c:flush{ files = 3 }
    c:settle("1m")
    near:stop{}
    c:sleep("10s")
    writer:stop{}
    c:sleep("10s")
    far:kill{ host = true }
    near:start{}
    writer:start{}
    c:wait(function() return c:leader() ~= nil end, "2m", "two of three nodes are up, and nobody leads")
  end,
}
