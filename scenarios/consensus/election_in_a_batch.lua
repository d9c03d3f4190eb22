-- Compaction replaces many files by one, in a single command: the output appears and its sources go, or
-- nothing happens. Here the leadership changes while such commands are under way, again and again. A batch
-- that were applied in part, or twice, would show a query the same rows twice or not at all.
return {
  name = "consensus-election-in-a-batch",
  about = "Elections in the middle of batched commands leave each of them whole: done once, or not at all.",
  phase = 4,
  params = { rounds = 6, inputs = 6 },
  cluster = { writers = 2, readers = 3, compactors = 1 },
  breaks = { arc = "query-complete", phase3 = "query-complete", phase2 = "query-complete" },

  run = function(c)
    c:flush{ files = c.params.rounds * c.params.inputs, bytes = "10KiB" }
    c:settle("1m")
    local before, done = #c:manifest(), 0
    for _ = 1, c.params.rounds do
      local is_over = false
      c:go(function()
        if c:compact{ inputs = c.params.inputs } then done = done + 1 end
        is_over = true
      end)
      c:sleep("0ms..3ms")
      c:force_election()
      c:wait(function() return is_over end, "1m", "the compaction ends")
    end
    c:settle("2m")
    c:check(done > 0, "no compaction was done at all")
    c:check(#c:manifest() == before - done * (c.params.inputs - 1),
      ("%d files, %d compactions, and %d files left"):format(before, done, #c:manifest()))
    c:sometimes("every compaction was done", done == c.params.rounds)
    for _, n in ipairs(c:nodes{ role = "reader" }) do
      local answer = n:query{}
      c:check(answer.missing == 0 and answer.duplicated == 0, n.id .. " sees rows twice or not at all")
    end
  end,
}
