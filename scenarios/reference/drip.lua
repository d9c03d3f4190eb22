-- A peer that is let in sends its bodies drop by drop. Nothing bounds a body in the reference: each drop
-- keeps the pull alive, for hours, while an honest peer has the same file.
return {
  name = "reference-drip",
  about = "In older releases a body that comes drop by drop holds its pull for as long as the sender likes; in "
    .. "`current` progress extends no time-out.",
  params = {},
  cluster = { writers = 1, readers = 2, config = { replication_pull_workers = 1 } },
  closing = "short",
  breaks = { arc = "liveness", phase3 = "liveness" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    reader:stop{}
    c:flush{ files = 3, bytes = "256KiB" }
    c:settle("1m")
    writer:hostile{ kind = "slow-drip" }
    reader:start{}
    c:wait(function() return reader:holds_all() end, "10m", "a drip holds up the reader")
  end,
}
