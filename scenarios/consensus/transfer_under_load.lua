-- Before a leader's pod is drained its leadership is handed over, while files keep coming. Handing over is
-- one message and takes milliseconds; during them the old leader refuses proposals and the new one does not
-- yet take them. What falls into the gap must be proposed again, and be registered once.
return {
  name = "consensus-transfer-under-load",
  about = "Leadership goes round all voters under load: each file is registered once, and nobody waits long.",
  phase = 3,
  params = { rounds = 10, lag = 2 },
  cluster = { writers = 2, readers = 3 },
  breaks = { arc = "registers-all", phase3 = "registers-all", phase2 = "registers-all" },

  run = function(c)
    local is_over = false
    for _, w in ipairs(c:writers()) do
      c:go(function() while not is_over do w:flush{ bytes = "4KiB" } c:sleep("20ms..60ms") end end)
    end
    local worst = 0
    for round = 1, c.params.rounds do
      local voters = c:nodes{}
      local heir = voters[round % #voters + 1]
      local began = c:now()
      c:transfer_leader(heir)
      worst = math.max(worst, c:now() - began)
      c:check(c:leader() == heir, "another leads than was asked for")
      c:sleep("1s")
    end
    is_over = true
    c:settle("2m")
    c:metric("slowest_transfer_s", worst)
    c:check(worst < c.params.lag, ("a transfer took %.1f s"):format(worst))
    c:check(#c:manifest() > 100, "there was no load")
  end,
}
