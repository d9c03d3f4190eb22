-- A reader leaves, comes back, and somebody repeats its goodbye. Leaves are signed, but neither their
-- nonces nor the life that they speak of are remembered: the leader removes a healthy node from the
-- cluster, which then hears no more of new files.
return {
  name = "reference-leave-replay",
  about = "In older releases a captured goodbye, said again, removes a node that is well, and it hears no more "
    .. "of new files.",
  params = {},
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "no-replay", phase3 = "no-replay", phase2 = "no-replay" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local a = c:attacker{ on_path = { writer, reader } }
    local cap
    c:flush{ files = 1 }
    c:settle("1m")
    c:go(function() cap = a:capture{ type = "LeaveNotify", from = reader, to = writer } end)
    reader:restart{ down = "5s" }
    c:settle("1m")
    c:check(cap ~= nil, "no goodbye passed")
    if cap then a:replay(cap, { to = writer }) end
    c:flush{ files = 2 }
    c:sleep("1m")
  end,
}
