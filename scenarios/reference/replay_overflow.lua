-- A reader comes back without its disk, and the log is played to it. Backpressure is the walker's
-- alone, and its walk ended over an almost empty manifest: the replay overflows the queue, untagged,
-- and the reader is ready with most files missing.
return {
  name = "reference-replay-overflow",
  about = "In phase 3 and `arc` the log played to an empty reader overflows the pull queue, and nothing ever "
    .. "notices what was dropped.",
  params = { files = 60 },
  cluster = { writers = 1, readers = 2,
              config = { replication_queue_size = 4, replication_pull_workers = 1 } },
  closing = "short",
  breaks = { arc = "converges", phase3 = "converges" },

  run = function(c)
    c:flush{ files = c.params.files, every = "500ms" }
    c:settle("2m")
    local reader = c:node("reader-1"):replace{ identity = "stable", volume = "lost", grace = "30s" }
    c:wait(function() return reader:ready() end, "5m", "the reader never became ready")
    c:sleep("1m")
  end,
}
