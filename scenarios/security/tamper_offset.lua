-- The offset of each fetch is changed in flight, in requests that are otherwise honest and fresh. In the
-- reference no MAC covers it: the origin serves a tail that nobody asked for. The second MAC of `current`
-- covers it: the request is refused like any forged one, and the file comes once the attacker is gone.
return {
  name = "security-tamper-offset",
  about = "An offset that was changed in flight is refused; `arc` serves a tail that nobody asked for.",
  phase = 3,
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { arc = "scenario-check" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local a = c:attacker{ on_path = { writer, reader } }
    a:tamper{ type = "FetchFile", from = reader, to = writer, fields = { byte_offset = 7 } }
    local ack
    c:go(function() ack = a:capture{ type = "FetchFileAck", from = writer, to = reader } end)
    c:flush{ files = 1, bytes = "100KiB" }
    c:sleep("5s")
    c:check(ack ~= nil, "no fetch was answered")
    c:check(not ack or ack.fields.status ~= "ok", "the writer served an offset that nobody signed")
    a:stop()
    c:settle("5m")
  end,
}
