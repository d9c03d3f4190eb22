-- A reader is stopped for a while of retention. Files are deleted, and before it comes back the log that
-- said so is cut: all that it gets is a snapshot of what there is now. Nothing there says which of the
-- files on its disk were deleted, so the reference keeps them, and a query that lists the disk reads
-- rows that are gone everywhere else. `current` remembers deletions in the manifest, snapshots included.
return {
  name = "compaction-deletion-slept-through",
  about = "A reader that slept through deletions and comes back by snapshot removes those files too; older "
    .. "releases keep them, and count their rows for good.",
  params = { files = 12, deleted = 8 },
  cluster = { writers = 1, readers = 3 },
  closing = "short",
  breaks = { phase2 = "no-resurrection", phase3 = "no-resurrection", arc = "no-resurrection" },

  run = function(c)
    local reader = c:node("reader-3")
    local paths = c:flush{ files = c.params.files }
    c:settle("2m")
    reader:stop{}
    for row = 1, c.params.deleted do c:delete(paths[row]) end
    c:sleep("10m")
    c:truncate_log()
    c:sleep("5m")
    reader:start()
    c:settle("10m")
    c:sleep("1m")
  end,
}
