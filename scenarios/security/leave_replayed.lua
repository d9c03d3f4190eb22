-- A reader is restarted twice. The goodbye of its first life is kept by an attacker and said again while
-- the second life runs, at the leader and at another reader. It was signed, and it is fresh; it must not
-- be believed, because it speaks of a life that is over.
return {
  name = "security-leave-replayed",
  about = "The goodbye of a former life removes nobody; in older releases one recorded frame puts a healthy "
    .. "node out of the cluster.",
  phase = 3,
  params = {},
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "no-replay", phase3 = "no-replay", phase2 = "no-replay" },

  run = function(c)
    local writer, reader, other = c:node("writer-1"), c:node("reader-1"), c:node("reader-2")
    local a = c:attacker{ on_path = { writer, reader } }
    local cap
    c:go(function() cap = a:capture{ type = "LeaveNotify", from = reader, to = writer } end)
    c:flush{ files = 1 }
    c:settle("1m")
    reader:restart{ down = "3s" }
    c:wait(function() return reader:ready() end, "1m", "the reader came back")
    c:check(cap ~= nil, "no goodbye passed")
    if not cap then return end
    a:replay(cap, { to = writer })
    a:replay(cap, { to = other, after = "1s" })
    c:flush{ files = 2 }
    c:sleep("30s")
    c:check(reader:holds_all(), "the reader was put out by its own old goodbye")
  end,
}
