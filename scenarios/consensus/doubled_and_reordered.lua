-- A bad switch: consensus messages come twice, late, and in another order. Consensus must not be impressed by
-- it: an answer that is counted twice would make a majority of one, an old append that is taken for a new one
-- would cut the log.
return {
  name = "consensus-doubled-and-reordered",
  about = "With every message doubled and half of them out of order, all commit the same log.",
  phase = 3,
  params = { duplicate = 1, reorder = 0.5, files = 100 },
  cluster = { writers = 2, readers = 3 },
  breaks = { arc = "registers-all", phase3 = "registers-all", phase2 = "registers-all" },

  run = function(c)
    c.net:link("all", "all", { duplicate = c.params.duplicate, reorder = c.params.reorder, jitter = "0ms..5ms" })
    c:go(function() c:flush{ files = c.params.files, bytes = "4KiB", every = "20ms" } end)
    for _ = 1, 5 do
      c:sleep("300ms..600ms")
      c:force_election()
    end
    c:settle("2m")
    c:check(#c:manifest() == c.params.files, ("%d files are registered"):format(#c:manifest()))
  end,
}
