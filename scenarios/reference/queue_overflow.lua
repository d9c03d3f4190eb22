-- A burst of registrations is longer than the pull queue. What does not fit is dropped, and only a
-- restart looks at it again: the walk that catches up was over long before. The reader goes on saying
-- that it is ready.
return {
  name = "reference-queue-overflow",
  about = "In older releases announcements that overflow the pull queue are not made up for in this life; "
    .. "`current` finds them by a rescan.",
  params = { files = 60 },
  cluster = function(params)
    return { writers = 1, readers = 1,
             config = { replication_queue_size = 4, replication_pull_workers = 1 } }
  end,
  closing = "short",
  breaks = { arc = "converges", phase3 = "converges", phase2 = "converges" },

  run = function(c)
    c:flush{ files = c.params.files }
    c:sleep("1m")
    c:sometimes("announcements-dropped", c:node("reader-1"):stats().dropped > 0)
  end,
}
