-- A writer that does not lead changes one of its files. The new entry is a command of a kind that the
-- leader of the reference never came to take from others: it is refused, and the registered hash is
-- that of bytes which exist nowhere any more.
return {
  name = "reference-update-not-forwarded",
  about = "In `arc` a file that changes on a writer that does not lead keeps its old entry for ever, and "
    .. "readers keep the old bytes.",
  params = {},
  cluster = { writers = 1, readers = 2, leader = "reader-1" },
  closing = "short",
  breaks = { arc = "registers-all" },

  run = function(c)
    local writer = c:node("writer-1")
    local path = writer:flush{ files = 1 }[1]
    c:settle("1m")
    writer:rewrite(path, { bytes = "32KiB" })
    c:sleep("1m")
    for _, entry in ipairs(c:manifest()) do
      c:check(entry.size_bytes == 32 * 1024, "the manifest still has the size of the old version")
    end
  end,
}
