-- Somebody on the path records an election, and uses it in the next ones: votes that were given once, entries
-- of a leader that is none any more, a hand-over to a node that has led already; then the same with higher
-- terms. If a vote counted twice, or in another term, two nodes would lead at once.
return {
  name = "consensus-replayed-votes",
  about = "Recorded and forged votes, entries and hand-overs decide no election.",
  phase = 3,
  params = { rounds = 5 },
  cluster = { writers = 2, readers = 3 },
  closing = "short",
  breaks = { arc = "registers-all", phase3 = "registers-all", phase2 = "registers-all" },

  run = function(c)
    local x, y = c:node("writer-1"), c:node("writer-2")
    local a, caps, is_over = c:attacker{ on_path = { x, y } }, {}, false
    for _, type in ipairs{ "RequestVote", "RequestVoteResult", "AppendEntries", "TimeoutNow" } do
      c:go(function() while not is_over do caps[#caps + 1] = a:capture{ type = type }; c:sleep("200ms") end end)
    end
    c:go(function() c:flush{ files = 50, bytes = "4KiB", every = "200ms" } end)
    for _ = 1, c.params.rounds do
      c:transfer_leader(c:leader() == x and y or x)
      c:sleep("1s")
      local leader, term = c:leader(), 0
      for _, cap in ipairs(caps) do
        term = math.max(term, cap.fields.term)
        a:replay(cap)
        a:replay(cap, { to = c.rng:pick(c:nodes()) })
        a:replay(cap, { fields = { term = cap.fields.term + 1, number = cap.fields.number + 1000 } })
      end
      a:send(y, { type = "RequestVoteResult", term = term + 1, as = x })
      a:send(x, { type = "TimeoutNow", term = term, as = y })
      c:sleep("1s")
      c:check(c:leader() == leader, "a recording moved the leader")
    end
    is_over = true
    c:check(#caps > 10, "nothing was recorded")
    c:settle("1m")
  end,
}
