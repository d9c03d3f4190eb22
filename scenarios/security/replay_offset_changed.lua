-- A captured fetch is sent again with another offset. The reference puts the offset under no MAC and
-- remembers no nonce: whoever saw one request can have the file from any place on.
return {
  name = "security-replay-offset-changed",
  about = "A captured fetch with another offset gets no byte; `arc` serves the tail to whoever saw one request.",
  phase = 3,
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { arc = "no-replay" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local a = c:attacker{ on_path = { writer, reader } }
    local cap
    c:go(function() cap = a:capture{ type = "FetchFile", from = reader, to = writer } end)
    c:flush{ files = 1, bytes = "100KiB" }
    c:settle("1m")
    c:check(cap ~= nil, "no fetch passed")
    if not cap then return end
    for _, offset in ipairs{ 1, 7, 50000, 102399 } do
      local reply = a:replay(cap, { to = writer, fields = { byte_offset = offset } })
      c:check(not reply or reply.body_bytes == 0, reply and reply.body_bytes .. " bytes from offset " .. offset)
    end
  end,
}
