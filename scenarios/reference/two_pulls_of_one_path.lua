-- The same file is announced twice in short order. Phase 2 has no memory of what it is pulling: two
-- workers fetch one path at once, and their writes meet.
return {
  name = "reference-two-pulls-of-one-path",
  about = "In phase 2 two announcements of one path are two pulls at the same time, and their writes meet in "
    .. "one file.",
  params = { bytes = "4MiB" },
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { phase2 = "single-flight" },

  run = function(c)
    local path = "db/cpu/2026/04/11/16/again.parquet"
    c.net:link("writer-1", "reader-1", { bandwidth = "10Mbit/s" })
    c:flush{ path = path, bytes = c.params.bytes }
    c:sleep("1s")
    c:flush{ path = path, bytes = "1MiB" }
    c:sleep("1m")
  end,
}
