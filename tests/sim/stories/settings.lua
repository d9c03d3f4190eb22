-- Settings at the edges of what is admissible.
local settings = {
  queue2 = { replication_queue_size = 2 },
  worker1 = { replication_pull_workers = 1 },
  attempt1 = { replication_retry_max_attempts = 1 },
  no_catchup = { replication_catchup_enabled = false },
  high0 = { replication_catchup_queue_high_water = 0.001, replication_queue_size = 3 },
  high1 = { replication_catchup_queue_high_water = 1.0, replication_queue_size = 2 },
  gate = { query_gate_on_catchup = true },
}
return {
  name = "settings",
  about = "Settings at their edges change how fast files arrive, not whether they do.",
  params = { setting = "queue2", files = 200, voters = 5, writers = 1, readers = 3, compactors = 0, consensus = "raft", late = true },
  limit = "6h",
  cluster = function(params)
    return { writers = params.writers, readers = params.readers, compactors = params.compactors,
      voters = params.voters, consensus = params.consensus == "ideal" and { kind = "ideal", delay = "5ms..50ms" } or "raft",
      config = settings[params.setting] or {} }
  end,
  run = function(c)
    for _, writer in ipairs(c:writers()) do
      writer:flush{ files = c.params.files, bytes = "1B..20KiB" }
    end
    if c.params.late then
      local fresh = c:add{ role = "reader" }
      if c.params.setting == "gate" then
        c:wait(function() return fresh:up() end, "1m", "up")
        c:check(fresh:query{}.gated or fresh:ready(), "an unready node answers")
      end
      c:wait(function() return fresh:ready() end, "1h", "the fresh reader never became ready")
    end
    c:settle("1h")
  end,
}
