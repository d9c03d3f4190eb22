-- A bit of a file flips on a reader's disk while the node is down. The reference compares sizes at
-- most: the file counts as present, the reader as ready, and queries read the damage.
return {
  name = "reference-same-size-is-present",
  about = "In phase 3 and `arc` a damaged file of the right size counts as present at the next start; `current` "
    .. "hashes what it finds.",
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { arc = "intact-bytes", phase3 = "intact-bytes" },

  run = function(c)
    local reader = c:node("reader-1")
    local paths = c:flush{ files = 3 }
    c:settle("1m")
    reader:stop{}
    reader:corrupt(paths[2], { kind = "flip" })
    reader:start{}
    c:wait(function() return reader:ready() end, "2m", "the reader never became ready")
    c:sleep("1m")
  end,
}
