-- The operating system may take fewer bytes than it was given, at every write. Programs that do not look write
-- files with holes at the places where it did. Bodies are pulled and flushed through such disks, with failing
-- syncs in between: what is published is whole, and a failed sync is a failed pull, not a file.
return {
  name = "storage-short-writes",
  about = "Writes that take only a part, and syncs that fail, never leave a visible file with other bytes.",
  phase = 2,
  params = { short_write = 0.5, sync_error = 0.2 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  limit = "2h",

  run = function(c)
    local reader = c:node("reader-1")
    for _, node in ipairs(c:nodes()) do node:disk{ short_write = c.params.short_write } end
    reader:disk{ sync_error = c.params.sync_error }
    c:flush{ files = 40, bytes = "1KiB..700KiB", every = "100ms" }
    for _ = 1, 20 do
      c:sleep("500ms")
      for _, node in ipairs(c:nodes()) do
        for _, path in ipairs(node:files()) do c:check(node:has(path), node.id .. " shows other bytes under " .. path) end
      end
    end
    for _, node in ipairs(c:nodes()) do node:disk{} end
    c:settle("15m")
  end,
}
