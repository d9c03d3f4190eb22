-- ArcadeDB #5275. On Kubernetes every graceful stop took the pod out of the consensus configuration, and a
-- pod that came back on its old volume was never put in again. One `kubectl delete pod`, recreated 30 s
-- later, left a group of three with two members, and every status page went on showing three. The next
-- failure, harmless in a group of three, was the end.
--
-- Here: each follower of three is deleted once and comes back after 30 s; 19 minutes later, as in the report,
-- the leader's host fails. Two of three are up, and that has to be enough.
return {
  name = "incident-goodbye-for-good",
  about = "A pod that was stopped in good order is a voter again when it comes back, so one failure more is survived.",
  params = { down = "30s" },
  cluster = { writers = 2, readers = 1 },
  closing = "short",

  run = function(c)
    c:flush{ files = 5 }
    c:settle("1m")
    for _, id in ipairs{ "reader-1", "writer-2" } do
      c:node(id):restart{ down = c.params.down }
      c:wait(function() return c:node(id):ready() end, "2m", id .. " came back")
    end
    c:sleep("19m")
    c:node("writer-1"):kill{ host = true }
    c:wait(function() return c:leader() ~= nil end, "1m", "two of three agree on a leader")
    local paths = c:node("writer-2"):flush{ files = 3 }
    c:settle("2m")
    c:check(#c:manifest() == 5 + #paths, "what was flushed after the failure is registered")
  end,
}
