-- A file is deleted and written again under its name within half a second. The deletion waits that long
-- before it acts and then does not look again: it takes the new file, from its own origin too, and no
-- copy is left anywhere.
return {
  name = "reference-delete-then-write-again",
  about = "In `arc` a deletion that comes late removes the file that was written in its place; `current` looks "
    .. "again before it acts.",
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { arc = "no-wrong-delete" },

  run = function(c)
    local writer = c:node("writer-1")
    local path = "db/cpu/2026/04/11/16/again.parquet"
    c:flush{ path = path, bytes = "64KiB" }
    c:settle("1m")
    c:delete(path)
    c:flush{ path = path, bytes = "32KiB" }
    c:sleep("1m")
    c:check(writer:has(path), "the writer lost the file that it wrote after the deletion")
  end,
}
