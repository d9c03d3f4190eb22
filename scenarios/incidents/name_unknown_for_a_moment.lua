-- ArcadeDB #5268. A pod was deleted and recreated. While it was gone its name did not lead to it; the leader
-- dialled once, failed, and let go of the object that would have dialled again. Nothing in the log after
-- that line: the follower stood apart, for good, in a cluster that called itself healthy. The pod that had been
-- restarted ten minutes before, in the same hour and cluster, had come back after 70 s.
--
-- Here: each follower in turn is rescheduled, and its name leads to the old address for 70 s, long after the new pod is
-- up. One of them meets a change of leader in just that time.
return {
  name = "incident-name-unknown-for-a-moment",
  about = "A pod whose name leads to its old address for a while is found again, also across a change of leader.",
  params = { stale = "70s" },
  cluster = { writers = 1, readers = 2 },
  closing = "short",

  run = function(c)
    c.net:stale_dns(c.params.stale)
    c:flush{ files = 10 }
    c:settle("1m")
    for round, id in ipairs{ "reader-1", "reader-2" } do
      local pod = c:node(id):replace{ identity = "stable", volume = "keep", grace = "30s" }
      if round == 2 then
        c:sleep("5s")
        c:transfer_leader(c:node("reader-1"))
      end
      c:flush{ files = 5 }
      c:wait(function() return pod:ready() end, "5m", id .. " was found again")
      c:settle("3m")
    end
    c:check(#c:manifest() == 20, "every file is registered")
  end,
}
