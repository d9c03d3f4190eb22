-- Somebody on the wire repeats a fetch that a reader made, byte for byte. The reference remembers no
-- nonces of fetches: for five minutes each copy of the request gets the whole file.
return {
  name = "reference-fetch-replay",
  about = "In older releases a captured fetch can be repeated for as long as its timestamp is fresh: five "
    .. "minutes of free reading.",
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { arc = "no-replay", phase3 = "no-replay", phase2 = "no-replay" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local a = c:attacker{ on_path = { writer, reader } }
    local cap
    c:go(function() cap = a:capture{ type = "FetchFile", from = reader, to = writer } end)
    c:flush{ files = 1 }
    c:settle("1m")
    c:check(cap ~= nil, "no fetch passed between reader and writer")
    if cap then a:replay(cap, { to = writer }) end
  end,
}
