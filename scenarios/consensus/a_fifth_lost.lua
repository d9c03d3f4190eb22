-- One packet in five is lost, everywhere. Heartbeats fail to come by chance alone, so that leaders fall
-- without a fault; every append may have to be sent again. Slower is allowed. What is not: two leaders,
-- entries lost or applied twice, or a cluster that does nothing but elect.
return {
  name = "consensus-a-fifth-lost",
  about = "At a loss of 20 % files are still registered, each once, and the cluster still has a leader most of the time.",
  phase = 3,
  params = { loss = 0.2, files = 60 },
  cluster = { writers = 2, readers = 3 },
  breaks = { arc = "query-complete", phase3 = "query-complete", phase2 = "query-complete" },

  run = function(c)
    c.net:link("all", "all", { loss = c.params.loss })
    local with, without = 0, 0
    c:every("100ms", function() if c:leader() then with = with + 1 else without = without + 1 end end)
    c:go(function() c:flush{ files = c.params.files, bytes = "10KiB", every = "1s" } end)
    c:sleep("90s")
    c:metric("led_of_the_time", with / (with + without))
    c:check(with > 4 * without, ("led %d times of %d"):format(with, with + without))
    c:check(#c:manifest() >= c.params.files * 0.9, ("only %d files are registered"):format(#c:manifest()))
    c.net:heal()
    c:settle("2m")
    c:check(#c:manifest() == c.params.files, ("%d files are registered"):format(#c:manifest()))
  end,
}
