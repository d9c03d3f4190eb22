-- A node is the last one up, and one of its files is gone from its disk. With no peer to ask, a pull of
-- the reference ends in neither success nor failure: the gate that waits for failures opens, and the
-- node answers queries without the file. (It leads, as the only voter, so that its walk sees the file.)
return {
  name = "reference-gate-without-peers",
  about = "In `arc` a pull that found no peer to ask counts as nothing, so the gate opens over missing files.",
  params = {},
  cluster = { writers = 2, readers = 1, voters = 1 },
  closing = "short",
  breaks = { arc = "query-complete" },

  run = function(c)
    local leader = c:node("writer-1")
    local paths = c:node("writer-2"):flush{ files = 3 }
    c:settle("1m")
    c:node("writer-2"):stop{}
    c:node("reader-1"):stop{}
    c:sleep("1m")
    leader:stop{}
    leader:remove(paths[2])
    c:sleep("1s")
    leader:start{}
    c:sleep("2m")
  end,
}
