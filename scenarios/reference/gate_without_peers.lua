-- A reader is the last one up, and one of its files is gone from its disk. With no peer to ask, a pull of
-- the reference ends in neither success nor failure: the gate that waits for failures opens, and the
-- reader answers queries without the file.
return {
  name = "reference-gate-without-peers",
  about = "A pull that found no peer to ask counts as nothing, and the gate opens.",
  params = {},
  cluster = { writers = 1, readers = 1, consensus = "ideal" },
  closing = "short",
  breaks = { arc = "query-complete" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local paths = c:flush{ files = 3 }
    c:settle("1m")
    writer:stop{}
    c:sleep("1m")
    reader:stop{}
    reader:remove(paths[2])
    reader:start{}
    c:sleep("2m")
  end,
}
