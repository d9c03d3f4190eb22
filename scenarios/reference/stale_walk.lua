-- A reader was down while files were written, and starts again on a slow link. The reference's barrier
-- works on the leader alone: on a follower it fails at once, and the walk goes over whatever the log
-- has brought so far. The reader says that it is ready, and queries on it miss what it has not heard of.
return {
  name = "reference-stale-walk",
  about = "In phase 3 and `arc` a reader that lags behind the log walks its old manifest and says it is ready; "
    .. "`current` asks the leader how far it should be.",
  params = { files = 60 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "query-complete", phase3 = "query-complete" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    c:flush{ files = 5 }
    c:settle("1m")
    reader:stop{}
    c:flush{ files = c.params.files }
    c:settle("1m")
    c.net:link(reader, "all", { latency = "150ms" })
    reader:start{}
    c:wait(function() return reader:ready() end, "5m", "the reader never became ready")
  end,
}
