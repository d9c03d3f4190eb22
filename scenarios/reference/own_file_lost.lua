-- A writer loses one of its own files from its disk; a reader holds it. The reference never pulls what
-- it wrote itself: the writer says it is ready and its own queries miss the file for ever.
return {
  name = "reference-own-file-lost",
  about = "In older releases a node never fetches back a file of its own though its peers hold it; `current` "
    .. "pulls what it lacks, whoever wrote it.",
  params = {},
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "converges", phase3 = "converges", phase2 = "converges" },

  run = function(c)
    local writer = c:node("writer-1")
    local paths = c:flush{ files = 3 }
    c:settle("1m")
    writer:stop{}
    c:sleep(1)
    writer:remove(paths[2])
    c:sleep(1)
    writer:start{}
    c:sleep("2m")
  end,
}
