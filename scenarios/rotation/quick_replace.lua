-- An operator in a hurry: every pod is replaced by a new one with an empty disk, the next as soon as
-- the last is ready, faster than silence tells that a voter is gone. Consensus has to take the
-- leave notices at their word, or it hands its votes to pods that no longer run.
return {
  name = "quick-replace",
  about = "Every pod is replaced within seconds, faster than silence tells: votes move on with the goodbyes, "
    .. "and no quorum is lost.",
  phase = 3,
  params = { rounds = 2, files = 3, leaderless = 5 },
  cluster = { writers = 2, readers = 3 },

  run = function(c)
    local leader_seen_at, longest, samples = c:now(), 0, 0
    c:every("100ms", function()
      samples = samples + 1
      if c:leader() then
        leader_seen_at = c:now()
      else
        longest = math.max(longest, c:now() - leader_seen_at)
      end
    end)

    c:flush{ files = c.params.files }
    for _ = 1, c.params.rounds do
      for _, node in ipairs(c:nodes{ up = true }) do
        c:settle("5m") -- the only copy of a file must not go with its volume
        local successor = node:replace{ identity = "new", volume = "lost", grace = "30s" }
        c:wait(function() return successor:ready() end, "2m", successor.id .. " never became ready")
        c:check(successor:holds_all(), successor.id .. " is ready without all files")
      end
    end

    local more = c:flush{ files = c.params.files }
    c:check(#more == c.params.files, "the last writer stored only " .. #more .. " files")
    c:settle("5m")
    c:check(#c:manifest() == 2 * c.params.files, "the manifest has " .. #c:manifest() .. " files")
    c:check(samples > 50, "the leader was looked for only " .. samples .. " times")
    c:check(longest <= c.params.leaderless, "no leader for " .. longest .. " s")
    c:metric("longest without a leader, s", longest)
  end,
}
