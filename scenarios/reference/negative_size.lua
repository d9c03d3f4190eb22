-- A member registers a file with a size below zero and a hash that is none. The reference looks at the path
-- and at the time alone: the entry is in the manifest for good, and every puller refuses it or can
-- never verify it.
return {
  name = "reference-negative-size",
  about = "The manifest of older releases admits sizes below zero and hashes that are none: entries that no "
    .. "pull can ever satisfy.",
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { arc = "manifest-clean", phase2 = "manifest-clean", phase3 = "manifest-clean" },

  run = function(c)
    local writer = c:node("writer-1")
    writer:propose{ type = "RegisterFile", path = "db/cpu/negative.parquet", sha256 = string.rep("a", 64),
                    size_bytes = -1, created_at = 1775923200, origin_node_id = "writer-1" }
    writer:propose{ type = "RegisterFile", path = "db/cpu/no-hash.parquet", sha256 = "not a hash",
                    size_bytes = 10, created_at = 1775923200, origin_node_id = "writer-1" }
    c:sleep("30s")
  end,
}
