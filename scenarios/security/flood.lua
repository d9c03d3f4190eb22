-- Somebody without the secret opens connections as fast as it can: silent ones, garbage, frames that grow by
-- a byte a second. Each may hold a slot for ten seconds. Ingest goes on, and afterwards nothing is left.
return {
  name = "security-flood",
  about = "Thousands of connections of a stranger, silent, garbage or slow, cost a while and not the service: "
    .. "ingest goes on, and nothing is left of them.",
  phase = 2,
  params = { connections = 300, rate = 300 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",

  run = function(c)
    local writer = c:node("writer-1")
    local a = c:attacker{}
    for _, kind in ipairs{ "connect", "garbage", "slow-frame" } do
      a:flood(writer, { connections = c.params.connections, rate = c.params.rate, kind = kind })
      c:flush{ files = 10, bytes = "10KiB..100KiB", every = "500ms" }
      c:settle("2m")
      a:stop()
    end
    c:sleep("15s")
    c:flush{ files = 2 }
    c:settle("1m")
  end,
}
