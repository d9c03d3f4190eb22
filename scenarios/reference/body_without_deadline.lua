-- The host of the origin loses power in the middle of a body: no reset, no end, nothing more arrives. The
-- reference takes its deadline off before the body: the pull waits for ever, its worker with it, while
-- another peer holds the file.
return {
  name = "reference-body-without-deadline",
  about = "In older releases a body that stops arriving holds its worker for ever, and with a few of them "
    .. "replication ends; `current` bounds the whole fetch.",
  params = { bytes = "8MiB" },
  cluster = { writers = 1, readers = 2, config = { replication_pull_workers = 1 } },
  closing = "short",
  breaks = { arc = "converges", phase3 = "converges", phase2 = "converges" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    c.net:link(writer, reader, { bandwidth = "10Mbit/s" })
    c:flush{ files = 1, bytes = c.params.bytes }
    c:sleep("3s")
    writer:kill{ host = true }
    c:sleep("2m")
    c.net:heal()
    c:sleep("3m")
  end,
}
