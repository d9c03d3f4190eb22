-- Two members' clocks are as far off as is allowed, one ahead and one behind, so that those two cannot
-- authenticate each other at all. Both work with everybody else for hours, under load, across restarts of
-- themselves and of the others: a nonce or stamp that a node remembers must never shut out an honest peer.
return {
  name = "clock-tolerated-all-day",
  about = "Members whose clocks are 295 s off, ahead and behind, work for hours and over restarts as if nothing were.",
  phase = 3,
  params = { hours = 3 },
  cluster = { writers = 1, readers = 4 },
  limit = "12h",

  run = function(c)
    local ahead, behind = c:node("reader-1"), c:node("reader-2")
    ahead:clock{ skew = "295s" }
    behind:clock{ skew = "-295s" }
    for hour = 1, c.params.hours do
      c:flush{ files = 4, bytes = "1KiB..64KiB", every = "3m" }
      c:settle("1m")
      local restarted = c.rng:pick{ ahead, behind, c:node("reader-3"), c:node("writer-1") }
      restarted:restart{ down = "1s..20s" }
      c:wait(function() return restarted:ready() end, "2m", restarted.id .. " is not ready after its restart")
      c:flush{ files = 2 }
      c:settle("2m")
      c:sleep("45m")
    end
    for _, node in ipairs{ ahead, behind } do
      c:check(node:stats().failed == 0, node.id .. " counts " .. node:stats().failed .. " failed pulls")
    end
  end,
}
