-- The one holder of a large file is cut off while its body is on the way: the connection breaks, dials
-- fail for a while, then the peer answers again. A pull that began at zero each time would never get
-- through a link that breaks often enough; one that goes on where it stopped repeats no byte.
return {
  name = "storage-resume-repeats-nothing",
  about = "A body that breaks off goes on at the same peer where it stopped, and no byte comes twice: large "
    .. "files get through links that break.",
  params = { bytes = "8MiB", cuts = 2 },
  cluster = { writers = 1, readers = 1, config = { replication_retry_max_attempts = 10 } },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local before = reader:stats().body_bytes
    c.net:link(writer, reader, { bandwidth = "20Mbit/s" })
    local path = writer:flush{ files = 1, bytes = c.params.bytes }[1]
    for _ = 1, c.params.cuts do
      c:sleep("1200ms")
      c:check(not reader:has(path), "the file arrived before the cut: nothing is shown")
      writer:pause("61s")
      c:sleep("61s")
    end
    c:wait(function() return reader:has(path) end, "5m", "the file never arrived")
    c:settle("1m")
    local stats = reader:stats()
    c:check(stats.resumed >= 1, "no try went on where another stopped")
    c:check(stats.body_bytes - before == 8 * 1024 * 1024,
            "received " .. (stats.body_bytes - before) .. " bytes for a file of 8 MiB")
  end,
}
