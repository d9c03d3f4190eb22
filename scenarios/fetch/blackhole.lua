-- A firewall that drops instead of refusing: dials to the origin get no answer, neither yes nor no. Every file
-- names the origin as the first to ask, so each pull spends a dial's time-out there, and only then learns
-- that another has the file too. It has to get there, by that time-out and not by the longer one of a whole
-- fetch; a file that only the origin has waits, and comes by itself when the firewall is mended.
return {
  name = "fetch-blackhole",
  about = "Where dials to the origin are never answered, the files come from peers after one dial's time-out, and "
    .. "what only the origin has comes when it answers again.",
  phase = 3,
  params = { files = 4 },
  cluster = { writers = 2, readers = 1 },
  closing = "short",
  limit = "1h",
  breaks = { arc = "converges", phase3 = "registers-all", phase2 = "registers-all" },

  run = function(c)
    local writer = c:node("writer-2") -- not the leader, whom a fresh node has to ask
    writer:flush{ files = c.params.files, bytes = "50KiB" }
    c:settle("1m")
    c.net:blackhole(writer)
    local began = c:now()
    local fresh = c:add{ role = "reader" }
    c:wait(function() return fresh:holds_all() end, "2m", "peers have every file, and the fresh reader has not")
    c:metric("behind_blackhole_s", c:now() - began)
    c:check(c:now() - began > 5, "no dial ran into the blackhole: nothing is shown")
    local only = writer:flush{ files = 1, bytes = "50KiB" }[1]
    c:sleep("1m")
    c:check(not fresh:has(only), "the file came through a blackhole")
    c:check(writer:up() and writer:holds_all(), "the origin suffered from what others could not dial")
    c.net:heal()
    c:wait(function() return fresh:has(only) end, "12m", "with an origin that answers, the file is still missing")
    c:settle("5m")
  end,
}
