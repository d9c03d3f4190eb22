-- The manifest has more entries than a page of the walk, and the queue holds few: the walker has to stop, wait
-- for room, and go on behind the right key, across page borders, while new files come. Each file is pulled
-- once, none is passed over, and a node with nothing left to pull is through in a moment.
return {
  name = "catchup-larger-than-pages",
  about = "A manifest of several pages is walked to its last entry behind a small queue, and each file pulled once.",
  phase = 4,
  params = { files = 2300 },
  cluster = { writers = 1, readers = 1,
    config = { replication_queue_size = 8, replication_catchup_queue_high_water = 0.5 } },
  closing = "short",
  breaks = { arc = "converges", phase3 = "converges" },
  limit = "2h",

  run = function(c)
    c:flush{ files = c.params.files, bytes = 512 }
    c:settle("30m")
    local fresh = c:add{ role = "reader" }
    c:flush{ files = 5, every = "500ms" }
    c:wait(function() return fresh:ready() end, "30m", "the walk never ended")
    local status, stats = fresh:status(), fresh:stats()
    c:check(status.entries_walked >= c.params.files, "only " .. status.entries_walked .. " entries were walked")
    c:check(fresh:holds_all(), "ready, and files are missing")
    c:check(stats.pulled <= c.params.files + 5, "files were pulled twice")
    c:check(status.catchup_dropped == 0, "the walk overran its own queue by " .. status.catchup_dropped)
    fresh:restart{ down = "1s" }
    local began_s = c:now()
    c:wait(function() return fresh:ready() end, "5m", "not ready after a restart with everything there")
    c:metric("ready-after-restart", c:now() - began_s)
    c:check(fresh:stats().pulled == stats.pulled, "what is there was pulled again")
  end,
}
