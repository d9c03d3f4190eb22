-- An attacker lets a reader's fetch never arrive, and sends it with another offset. The offset is under
-- no MAC: the tail of the file is served as if the reader had asked for it.
return {
  name = "reference-offset-not-bound",
  about = "In `arc` no MAC covers the offset of a fetch: it can be changed on the wire, and the origin serves "
    .. "what nobody asked for.",
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { arc = "scenario-check" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local a = c:attacker{ on_path = { writer, reader } }
    local cap
    c:go(function() cap = a:capture{ type = "FetchFile", from = reader, to = writer } end)
    c:flush{ files = 1 }
    c:settle("1m")
    c:check(cap ~= nil, "no fetch passed between reader and writer")
    if not cap then return end
    local reply = a:replay(cap, { to = writer, fields = { byte_offset = 7 } })
    c:check(not reply or reply.status ~= "ok", "an offset that nobody signed was served")
  end,
}
