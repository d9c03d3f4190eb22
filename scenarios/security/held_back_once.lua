-- The same request, delivered late but in time by somebody else than its sender: nothing on the wire can tell
-- that from a slow network, so it may be served. Once: the second delivery is a replay, wherever it comes
-- from, and however close together the two are.
return {
  name = "security-held-back-once",
  about = "A request that was held back and is still fresh is served once at most, however often it is delivered.",
  phase = 2,
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { arc = "no-replay", phase3 = "no-replay", phase2 = "no-replay" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local a, stranger = c:attacker{ on_path = { writer, reader } }, c:attacker{}
    local cap
    c:go(function() cap = a:capture{ type = "FetchFile", from = reader, to = writer } end)
    a:drop{ type = "FetchFile", from = reader, to = writer, for_ = "5s" }
    c:flush{ files = 1, bytes = "100KiB" }
    c:sleep("1s")
    c:check(cap ~= nil, "no fetch passed")
    if not cap then return end
    local served, done = 0, 0
    for row = 1, 8 do
      c:go(function()
        local who = row % 2 == 0 and a or stranger
        local reply = who:replay(cap, { to = writer, after = row <= 4 and "1s" or "1s..200s" })
        if reply and reply.body_bytes > 0 then served = served + 1 end
        done = done + 1
      end)
    end
    c:wait(function() return done == 8 end, "5m", "a delivery was not answered")
    c:check(served == 1, "one request was served " .. served .. " times")
    c:settle("5m")
  end,
}
