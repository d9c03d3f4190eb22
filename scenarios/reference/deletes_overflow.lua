-- A reader was down while more files were deleted than its queue of deletions holds, and the log plays all
-- of them to it at once. What does not fit is dropped with a promise of a later reconciliation that nobody
-- carries out: the entries are gone from the manifest, the files stay.
return {
  name = "reference-deletes-overflow",
  about = "In `arc` deletions that overflow their queue are never made up for, and those files stay; `current` "
    .. "loses none.",
  params = { files = 1200 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "no-resurrection" },

  run = function(c)
    local reader = c:node("reader-1")
    local paths = c:flush{ files = c.params.files, bytes = 16 }
    c:settle("5m")
    reader:stop{}
    for _, path in ipairs(paths) do c:delete(path) end
    reader:start{}
    c:sleep("1m")
  end,
}
