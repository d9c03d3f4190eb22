-- A reader dies, and somebody goes on sending its last heartbeat. Nonces of heartbeats are not remembered:
-- for five minutes a dead node is healthy to its peers, which go on asking it for files.
return {
  name = "reference-heartbeat-replay",
  about = "In `arc` a dead node is kept healthy by repeating its last heartbeat, and its peers go on asking it "
    .. "for files.",
  params = {},
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "no-replay" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local a = c:attacker{ on_path = { writer, reader } }
    local cap
    c:go(function() cap = a:capture{ type = "Heartbeat", from = reader, to = writer } end)
    c:flush{ files = 1 }
    c:settle("1m")
    c:sleep("10s")
    reader:kill{}
    c:check(cap ~= nil, "no heartbeat passed")
    if not cap then return end
    for _ = 1, 5 do
      a:send(writer, cap.bytes)
      c:sleep("10s")
    end
  end,
}
