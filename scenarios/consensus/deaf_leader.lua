-- A broken route, one way only: the leader's heartbeats arrive, and no answer comes back. Followers see a
-- healthy leader and would wait for it for ever; the leader can commit nothing. It has to notice for itself
-- that it hears of no majority, and step down, or ingest stops until somebody wakes up at night.
return {
  name = "consensus-deaf-leader",
  about = "A leader that is heard and hears nothing gives way within seconds, and ingest goes on.",
  phase = 3,
  params = { cut = "40s", within = 15, mute = false },
  cluster = { writers = 2, readers = 3 },
  breaks = { arc = "query-complete", phase3 = "query-complete", phase2 = "query-complete" },

  run = function(c)
    local leader, other = c:leader(), c:node("writer-2")
    local others = c:nodes{ role = "reader" }
    others[#others + 1] = other
    c:flush{ files = 5, bytes = "10KiB" }
    c:settle("1m")
    if c.params.mute then
      c.net:partition(leader, others, { oneway = true, for_ = c.params.cut })
    else
      c.net:partition(others, leader, { oneway = true, for_ = c.params.cut })
    end
    local began = c:now()
    c:wait(function() return c:leader() and c:leader() ~= leader end, "30s", "another one leads")
    c:check(c:now() - began < c.params.within, ("nobody led for %.1f s"):format(c:now() - began))
    c:metric("leaderless_s", c:now() - began)
    local paths = other:flush{ files = 5, bytes = "10KiB" }
    c:wait(function() return #c:manifest() == 10 end, "15s", "files are registered while the old leader is deaf")
    c:sleep(c.params.cut)
    c:settle("2m")
    for _, path in ipairs(paths) do c:check(leader:has(path), "the old leader has not " .. path) end
  end,
}
