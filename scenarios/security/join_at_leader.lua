-- A node that starts asks whom it finds, mostly a follower, who sends it on to the leader. Its join is seen on
-- the way to the follower. The leader has never seen its nonce, and the old MAC covers neither role nor
-- addresses nor the promise to sign with a second MAC: it is shown to the leader, changed in one of these,
-- with and without what the newer release adds. What was on its way to the leader itself is held back and
-- changed likewise.
local CHANGES = {
  { role = "writer" }, { coord_addr = "10.9.9.9:9100" }, { raft_addr = "10.9.9.9:9200" }, { raft_id = 77 },
  { version = "0" }, { core_count = 4096 }, { node_name = "another" }, { bound_fetch = false },
}

return {
  name = "security-join-at-leader",
  about = "A join that was captured on its way to a follower is believed by no leader, changed or not; older "
    .. "releases take role and addresses of a node from whoever repeats its join.",
  phase = 4,
  params = {},
  cluster = { writers = 2, readers = 3 },
  closing = "short",
  breaks = { arc = "scenario-check" },

  run = function(c)
    local leader, reader = c:node("writer-1"), c:node("reader-1")
    local captured = {}
    local a
    for _, other in ipairs(c:nodes{}) do
      if other.id ~= reader.id then
        local listener = c:attacker{ on_path = { reader, other } }
        c:go(function() captured[#captured + 1] = listener:capture{ type = "JoinRequest", from = reader, to = other } end)
        if other.id == leader.id then a = listener end
      end
    end
    a:drop{ type = "JoinRequest", from = reader, to = leader, for_ = "20s" }
    reader:kill()
    c:sleep("2s")
    reader:start()
    c:sleep("15s")
    c:check(#captured > 0, "no join was captured")
    for _, cap in ipairs(captured) do
      for _, change in ipairs(CHANGES) do
        for _, is_stripped in ipairs{ false, true } do
          local fields = { bound_hmac = cap.fields.bound_hmac }
          if is_stripped then fields = { bound_hmac = "", bound_fetch = false } end
          for key, value in pairs(change) do fields[key] = value end
          local reply = a:replay(cap, { to = leader, fields = fields })
          local is_believed = reply and reply.type == "JoinResponse" and reply.status == "ok"
          c:check(not is_believed, "the leader believed a join changed in " .. next(change)
            .. (is_stripped and " and stripped" or ""))
        end
      end
    end
    c:sleep("20s")
    reader:restart{ down = "1s" }
    c:flush{ files = 2 }
    c:settle("1m")
    c:check(reader:holds_all(), "the reader is not where the cluster looks for it")
  end,
}
