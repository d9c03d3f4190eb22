-- The origin's copy of a file has grown behind its back. The reference announces the size of the manifest
-- and then sends the whole local file, however long: bytes that nobody asked for, until the other side
-- hangs up on it.
return {
  name = "reference-whole-object-served",
  about = "In older releases a server sends more bytes than it has announced; `current` sends exactly the tail "
    .. "that it said.",
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { arc = "exact-stream", phase2 = "exact-stream", phase3 = "exact-stream" },

  run = function(c)
    local writer = c:node("writer-1")
    local path = c:flush{ files = 1, bytes = "64KiB" }[1]
    c:settle("1m")
    writer:remove(path)
    writer:put(path, "256KiB")
    local fresh = c:add{ role = "reader" }
    c:sleep("1m")
    c:sometimes("intact-copy-found", fresh:has(path))
  end,
}
