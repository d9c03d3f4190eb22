-- Heartbeats and joins pass all the time, signed over the same fields as a goodbye. An attacker takes the
-- nonce, stamp and MAC of one of them for a goodbye. Where the kind of message is not under the MAC, that
-- is believed: phases 2 and 3 sign joins and goodbyes alike, and know no label.
return {
  name = "security-heartbeat-as-leave",
  about = "The MAC of a heartbeat or of a join is worth nothing on a goodbye; phases 2 and 3, which sign no "
    .. "kind, believe it and put the node out.",
  phase = 3,
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { phase3 = "mac-binds-all", phase2 = "mac-binds-all" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local a = c:attacker{ on_path = { writer, reader } }
    local beat, join
    c:go(function() beat = a:capture{ type = "Heartbeat", from = reader, to = writer } end)
    c:go(function() join = a:capture{ type = "JoinRequest", from = reader, to = writer } end)
    c:flush{ files = 1 }
    c:settle("1m")
    c:sleep("15s")
    reader:restart{ down = "2s" }
    c:wait(function() return reader:up() and reader:holds_all() end, "1m", "the reader came back")
    c:sleep("2s")
    c:check(beat and join, "no heartbeat or no join passed")
    if not (beat and join) then return end
    for _, cap in ipairs{ beat, join } do
      local f = cap.fields
      a:send(writer, { type = "LeaveNotify", node_id = f.node_id, reason = "bye", auth_nonce = f.auth_nonce,
        auth_timestamp = f.auth_timestamp, auth_hmac = f.auth_hmac })
    end
    -- Whoever is believed to have left gets no more of the log, until it joins anew.
    c:sleep("1s")
    local paths = c:flush{ files = 2 }
    c:sleep("2s")
    for _, path in ipairs(paths) do
      c:check(reader:has(path), "the reader was put out by a message that was no goodbye")
    end
  end,
}
