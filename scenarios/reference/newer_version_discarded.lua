-- A file is written again under its name while a reader still pulls the first version over a slow link.
-- Pulls in progress are known by path alone: the newer version is taken for a duplicate, and nothing
-- brings it once the pull of the old one has failed or, worse, been published.
return {
  name = "reference-newer-version-discarded",
  about = "In phase 3 and `arc` a version that comes while an older one is pulled is discarded as a duplicate, "
    .. "and the old one stays.",
  params = { bytes = "4MiB" },
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { arc = "converges", phase3 = "converges" },

  run = function(c)
    local path = "db/cpu/2026/04/11/16/again.parquet"
    c.net:link("writer-1", "reader-1", { bandwidth = "10Mbit/s" })
    c:flush{ path = path, bytes = c.params.bytes }
    c:sleep("1s")
    c:flush{ path = path, bytes = "1MiB" }
    c:sleep("1m")
  end,
}
