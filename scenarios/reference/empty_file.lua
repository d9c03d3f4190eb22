-- A writer flushes a file of no bytes. The offset check of the reference wants 0 <= offset < size, so
-- not even offset 0 of an empty file passes it: every node that has to pull the file tries in vain.
-- A query there misses a file that is registered and intact. (The older releases serve it.)
return {
  name = "reference-empty-file",
  about = "`arc` registers an empty file and can never serve it, so no reader ever has it and none gets ready; "
    .. "`current` treats it like any other.",
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { arc = "converges" },

  run = function(c)
    local path = c:flush{ files = 1, bytes = 0 }[1]
    c:flush{ files = 1 }
    c:sleep("30s")
    c:sometimes("empty-file-pulled", c:node("reader-1"):has(path))
  end,
}
