-- The writer is not the leader, and cut off for half a minute, in which it writes files. The registrar
-- of the reference proposes each once; what fails is counted and forgotten. The files lie on the
-- writer's disk for ever and no query on any reader will see them.
return {
  name = "reference-registered-once",
  about = "In `arc` files flushed while the leader is out of reach are never registered; `current` proposes "
    .. "until it sees them in its own manifest.",
  params = { files = 5 },
  cluster = { writers = 1, readers = 2, leader = "reader-1" },
  closing = "short",
  breaks = { arc = "registers-all" },

  run = function(c)
    local writer = c:node("writer-1")
    c:flush{ files = 1 }
    c:settle("1m")
    c.net:isolate(writer)
    writer:flush{ files = c.params.files }
    c:sleep("30s")
    c.net:heal()
    c:sleep("30s")
  end,
}
