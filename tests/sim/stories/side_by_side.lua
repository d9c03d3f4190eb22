-- One attacker does several things at a time, each from an address of its own.
return {
  name = "side-by-side",
  about = "Floods and messages of one attacker go on side by side.",
  cluster = { writers = 1, readers = 2 },
  run = function(c)
    local a, writer = c:attacker{}, c:node("writer-1")
    local silent = 0
    for _, kind in ipairs{ "connect", "garbage", "slow-frame" } do
      a:flood(writer, { connections = 5, rate = 10, kind = kind })
    end
    for number = 1, 5 do
      c:go(function()
        local reply = a:send("reader-1", { type = "FetchFile", path = "db/" .. number, node_id = "x",
                                           nonce = "00", timestamp = 0, hmac = "00" })
        silent = silent + (reply == nil and 1 or 0)
        c:check(reply == nil or reply.code == "auth", "refused for its MAC")
      end)
    end
    c:flush{ files = 3 }
    c:sleep("5s")
    c:check(silent == 0, "every message was answered")
    a:stop()
    c:settle("5m")
  end,
}
