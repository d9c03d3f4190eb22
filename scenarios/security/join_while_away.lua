-- Between its goodbye and its next join a node may come back as any release, so for that long its joins need no
-- second MAC. Somebody on the path uses the moment: the first join of the new life is kept from the leader, and
-- a copy without its second MAC, with other addresses, is shown to it. It is believed, as that of an older node
-- would be. But the node sees what the log says of it, and sets it right as soon as it gets through.
return {
  name = "security-join-while-away",
  about = "What a stripped join says of a node that just left is undone by the node itself, within seconds of its "
    .. "first join that the leader hears.",
  phase = 4,
  params = {},
  cluster = { writers = 2, readers = 3 },
  closing = "short",
  breaks = { arc = "scenario-check" },

  run = function(c)
    local leader, reader = c:node("writer-1"), c:node("reader-1")
    local a = c:attacker{ on_path = { leader, reader } }
    local captured = {}
    for _, node in ipairs(c:nodes{}) do
      if node.id ~= reader.id and node.id ~= leader.id then
        local listener = c:attacker{ on_path = { reader, node } }
        c:go(function() captured[#captured + 1] = listener:capture{ type = "JoinRequest", from = reader, to = node } end)
      end
    end
    reader:stop{}
    c:sleep("3s")
    a:drop{ type = "JoinRequest", from = reader, to = leader, for_ = "10s" }
    reader:start()
    c:wait(function() return #captured > 0 end, "30s", "a join was captured")
    local lie = captured[1]
    local fields = { bound_fetch = false, bound_hmac = "", coord_addr = "10.9.9.9:9100" }
    local reply = a:replay(lie, { to = leader, fields = fields })
    c:check(reply and reply.type == "JoinResponse" and reply.status == "ok", "the story lost its point: the lie is refused")
    c:sleep("20s")
    for _, join in ipairs(captured) do
      local later = a:replay(join, { to = leader, fields = fields })
      c:check(not (later and later.type == "JoinResponse" and later.status == "ok"), "the lie is believed again")
    end
    c:flush{ files = 2 }
    c:settle("1m")
    c:check(reader:holds_all(), "the cluster still looks for the reader elsewhere")
  end,
}
