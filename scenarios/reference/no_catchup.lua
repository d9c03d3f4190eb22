-- A reader is born after the files. In phase 2 files are pulled when their registration is applied by a
-- running node, and only while their origin answers; here the origin has gone. Nothing ever brings
-- them, although another reader holds every one.
return {
  name = "reference-no-catchup",
  about = "Phase 2 has neither catch-up nor other peers: a reader born later never gets the old files.",
  params = { files = 5 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { phase2 = "converges" },

  run = function(c)
    c:flush{ files = c.params.files }
    c:settle("1m")
    c:node("writer-1"):kill{}
    c:wait(function() return c:leader() ~= nil end, "1m", "no leader without the writer")
    c:add{ role = "reader" }
    c:sleep("2m")
  end,
}
