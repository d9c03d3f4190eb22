-- A reader that lost its disk dies in the middle of its walk, comes back, and is stopped in the middle of the next.
-- Each life walks once, from the beginning; what the former lives had published stays and is not fetched again,
-- what they had staged is nobody's. Only the third life comes to its end, and only then is it ready.
return {
  name = "catchup-restarted-twice",
  about = "Two restarts in the middle of catch-up cost what was on its way, not what was there; ready comes with the end.",
  phase = 3,
  params = { files = 120 },
  network = { bandwidth = "50Mbit/s" },
  cluster = { writers = 1, readers = 2, config = { replication_pull_workers = 2 } },
  closing = "short",
  breaks = { arc = "query-complete", phase3 = "query-complete" },

  run = function(c)
    local reader = c:node("reader-1")
    c:flush{ files = c.params.files, bytes = "64KiB" }
    c:settle("5m")
    local before = reader:stats().body_bytes
    reader:kill{}
    reader = reader:replace{ identity = "stable", volume = "lost", grace = 0 }
    local held = 0
    for life = 1, 2 do
      c:wait(function() return reader:up() and #reader:files() > held + 10 end, "2m", "life " .. life .. " pulls nothing")
      c:check(not reader:ready(), "ready with " .. #reader:files() .. " files")
      if life == 1 then reader:kill{ host = false } else reader:stop{} end
      held = #reader:files()
      for _, path in ipairs(reader:files()) do c:check(reader:has(path), "a part of " .. path .. " is visible") end
      c:sleep("1s..5s")
      reader:start{}
    end
    c:wait(function() return reader:ready() end, "5m", "the third life is not ready")
    c:check(reader:holds_all(), "ready, and files are missing")
    local stats = reader:stats()
    c:check(stats.body_bytes - before <= (c.params.files + 2 * 2) * 65536, "what was there was fetched again")
    c:check(reader:status().entries_walked == c.params.files, "walked " .. reader:status().entries_walked .. " entries")
  end,
}
