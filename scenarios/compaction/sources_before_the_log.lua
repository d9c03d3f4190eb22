-- A compactor has written its output and is cut off before it can tell anybody. The reference has removed
-- the sources from its own disk by then, although the manifest still lists them: a query there misses
-- rows, and the others ask it for files that it no longer has. `current` leaves its copies to the log.
return {
  name = "compaction-sources-before-the-log",
  about = "A compactor keeps its copies of the sources until the manifest lets go of them; `arc` drops them "
    .. "first, and queries miss rows.",
  params = { inputs = 3 },
  cluster = { writers = 1, readers = 2, compactors = 1 },
  closing = "short",
  breaks = { arc = "no-wrong-delete" },

  run = function(c)
    local compactor = c:node("compactor-1")
    c:flush{ files = c.params.inputs }
    c:settle("2m")
    c.net:isolate(compactor)
    c:sleep("6s")
    c:go(function() c:compact{ inputs = c.params.inputs } end)
    c:sleep("10s")
    c:sometimes("sources-missing", not compactor:query{}.complete)
    c.net:heal()
    c:sleep("30s")
    c:settle("10m")
  end,
}
