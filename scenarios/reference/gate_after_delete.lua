-- A file that nobody holds any more fails on a reader, which rightly does not say it is ready; then the
-- file is deleted from the manifest. The reference clears a failure only by a later success of the same
-- path, so the reader stays shut for the rest of its life though it holds everything there is.
return {
  name = "reference-gate-after-delete",
  about = "Deleting the file that failed does not open the gate again.",
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { arc = "becomes-ready" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local paths = c:flush{ files = 3 }
    c:settle("1m")
    writer:remove(paths[2])
    reader:remove(paths[2])
    local fresh = c:add{ role = "reader" }
    c:sleep("1m")
    c:check(not fresh:ready(), "ready without a file")
    c:delete(paths[2])
    c:sleep("2m")
  end,
}
