-- A reader that was cut off for a while gets a snapshot instead of the log, in the middle of its life.
-- Restoring one tells nobody: what is new in it is neither announced to the puller nor walked again.
return {
  name = "reference-snapshot-is-silent",
  about = "In older releases files that arrive by snapshot in the middle of a life are pulled by nobody; "
    .. "`current` announces them as the log would.",
  params = { files = 60 },
  cluster = { writers = 1, readers = 2, config = { raft_snapshot_threshold = 10, raft_snapshot_interval = 1 } },
  closing = "short",
  breaks = { arc = "converges", phase3 = "converges", phase2 = "converges" },

  run = function(c)
    local reader = c:node("reader-2")
    c:flush{ files = 3 }
    c:settle("1m")
    c.net:isolate(reader)
    c:flush{ files = c.params.files, every = "100ms" }
    c:sleep("30s")
    c.net:heal()
    c:sleep("1m")
  end,
}
