-- A fetch between two of today's nodes carries a second MAC, over addressee and offset. Older peers do not
-- know it, so it is optional on the wire. Somebody in the middle takes it away and changes the offset, or
-- plays what is left at another node: were it let pass, the second MAC would protect nobody.
return {
  name = "security-mac-stripped",
  about = "The second MAC cannot be taken off a fetch: a peer known to sign it is refused without it.",
  phase = 4,
  params = {},
  cluster = { writers = 1, readers = 3 },
  closing = "short",
  breaks = { arc = "scenario-check" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    c:flush{ files = 1, bytes = "100KiB" }
    c:settle("1m")
    local a = c:attacker{ on_path = { writer, reader } }
    local cap
    c:go(function() cap = a:capture{ type = "FetchFile", from = reader, to = writer } end)
    a:drop{ type = "FetchFile", from = reader, to = writer, for_ = "5s" }
    c:flush{ files = 1, bytes = "100KiB" }
    c:wait(function() return c:node("reader-2"):holds_all() and cap ~= nil end, "10s", "no fetch passed")
    for _, offset in ipairs{ 0, 1, 50000 } do
      for _, node in ipairs{ writer, c:node("reader-2") } do
        local reply = a:replay(cap, { to = node, fields = { byte_offset = offset, bound_hmac = "" } })
        c:check(not reply or reply.body_bytes == 0, node.id .. " served a stripped request from offset " .. offset)
      end
    end
    a:stop()
    c:settle("5m")
  end,
}
