-- Votes, entries and orders to stand for election, from somebody without the secret, with terms far above
-- the cluster's. None of them may reach the library: the leader stays, and ingest goes on.
return {
  name = "security-consensus-forged",
  about = "Forged consensus messages move no term and no leader: who has no secret cannot stop ingest by "
    .. "shouting.",
  phase = 3,
  params = { times = 20 },
  cluster = { writers = 2, readers = 3 },
  closing = "short",

  run = function(c)
    local leader = c:leader()
    local a = c:attacker{}
    c:go(function() c:flush{ files = 20, bytes = "10KiB", every = "200ms" } end)
    for row = 1, c.params.times do
      for _, type in ipairs{ "RequestVote", "AppendEntries", "TimeoutNow" } do
        for _, node in ipairs(c:nodes()) do
          a:send(node, { type = type, term = 1000 * row, as = c.rng:pick(c:nodes()) })
        end
      end
      c:sleep("100ms..500ms")
    end
    c:check(c:leader() == leader, "the leader lost its place to somebody without the secret")
    c:settle("2m")
  end,
}
