-- The same, at another door: a request that a reader made to the writer is played to a second reader.
-- The MAC does not say whom it is for, so whoever holds the file serves it to whoever repeats the words.
return {
  name = "reference-fetch-for-another",
  about = "In older releases a fetch that was meant for one node is served by another: who captures one can ask "
    .. "everywhere.",
  params = {},
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "scenario-check", phase3 = "scenario-check", phase2 = "scenario-check" },

  run = function(c)
    local writer, reader, other = c:node("writer-1"), c:node("reader-1"), c:node("reader-2")
    local a = c:attacker{ on_path = { writer, reader } }
    local cap
    c:go(function() cap = a:capture{ type = "FetchFile", from = reader, to = writer } end)
    c:flush{ files = 1 }
    c:settle("1m")
    c:check(cap ~= nil, "no fetch passed between reader and writer")
    if not cap then return end
    local reply = a:replay(cap, { to = other })
    c:check(not reply or reply.body_bytes == 0, "a reader served a fetch that was not meant for it")
  end,
}
