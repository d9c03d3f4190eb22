-- Every node's oscillator is off by another amount, at the limit of what cheap hardware does times ten.
-- Their clocks stay within the window for the length of the story; their timers do not agree with each
-- other: time-outs, backoffs, heartbeats and elections run at up to a tenth of a second a minute apart.
-- None of that may be seen from outside.
return {
  name = "clock-drift-within",
  about = "Oscillators that run 2000 ppm apart change nothing: no peer is lost, no leader falls, no pull fails.",
  phase = 3,
  params = { rounds = 20 },
  cluster = { writers = 2, readers = 3 },
  limit = "6h",

  run = function(c)
    local leader = c:leader()
    for _, node in ipairs(c:nodes()) do
      node:clock{ drift_ppm = c.rng:int(-2000, 2000), skew = c.rng:int(-60, 60) }
    end
    for _ = 1, c.params.rounds do
      c:flush{ files = 5, bytes = "1KiB..256KiB", every = "1s..10s" }
      c:sleep("1m..5m")
      c:settle("1m")
    end
    c:check(c:leader() == leader, "an election happened because of a drifting clock")
    for _, node in ipairs(c:nodes()) do
      c:check(node:stats().failed == 0, node.id .. " failed to pull " .. node:stats().failed .. " files")
    end
  end,
}
