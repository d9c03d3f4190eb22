-- An attacker on the path repeats a fetch, byte for byte, at the node it was meant for: at once, and as
-- long as its timestamp is fresh. A request that was answered once must not be answered again.
return {
  name = "security-replay-same-node",
  about = "A fetch is answered once, and its repetitions get no byte however often they come; older releases "
    .. "serve each.",
  phase = 2,
  params = { times = 5 },
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { arc = "no-replay", phase3 = "no-replay", phase2 = "no-replay" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local a = c:attacker{ on_path = { writer, reader } }
    local cap
    c:go(function() cap = a:capture{ type = "FetchFile", from = reader, to = writer } end)
    c:flush{ files = 1, bytes = "100KiB" }
    c:settle("1m")
    c:check(cap ~= nil, "no fetch passed")
    if not cap then return end
    for row = 1, c.params.times do
      local reply = a:replay(cap, { to = writer, after = "1s..60s" })
      c:check(not reply or reply.body_bytes == 0, "repetition " .. row .. " was served")
    end
    c:flush{ files = 1 }
    c:settle("1m")
  end,
}
