-- The other side of the window: the server's clock is 299 s slow, so that an honest request looks as if
-- it came from the future. It is good at once and stays remembered for longer than any; and the clock of
-- a restarted process, which knows no nonce, must not refuse it either.
return {
  name = "clock-slow-server",
  about = "Requests that seem to come from the future are served up to the bound, once, also right after a restart.",
  phase = 2,
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { arc = "no-replay", phase3 = "no-replay", phase2 = "no-replay" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    writer:clock{ skew = "-299s" }
    local a = c:attacker{ on_path = { writer, reader } }
    local cap
    for round = 1, 2 do
      c:go(function() cap = a:capture{ type = "FetchFile", from = reader, to = writer } end)
      local path = c:flush{ files = 1, bytes = "100KiB" }[1]
      c:settle("1m")
      c:check(reader:has(path), "the file did not come in round " .. round)
      c:check(cap ~= nil, "no fetch passed")
      if not cap then return end
      -- Up to the last second at which its stamp is good: 598 s after it was made.
      for _, after in ipairs{ 1, 299, 290 } do
        local reply = a:replay(cap, { to = writer, after = after })
        c:check(reply and reply.code == "auth" and reply.body_bytes == 0, "served again, in round " .. round)
      end
      writer:restart{ down = "2s" }
      c:wait(function() return writer:ready() end, "1m", "the writer did not come back")
    end
  end,
}
