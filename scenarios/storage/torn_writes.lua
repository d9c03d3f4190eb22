-- The host loses power while files are pulled and flushed; what was not synced is gone, or half there with
-- garbage behind it. Whoever trusts a name, or a size, has damaged files from then on. What was published
-- had been synced before it got its name; what had not is missing, and comes again.
return {
  name = "storage-torn-writes",
  about = "Power loss leaves half-written files; none of them is ever taken for the file, on readers and writers.",
  phase = 2,
  params = { rounds = 4 },
  cluster = { writers = 2, readers = 3 },
  closing = "short",
  limit = "2h",
  breaks = { arc = "crash-durable" },

  run = function(c)
    c.net:link("all", "all", { bandwidth = "20Mbit/s" }) -- so that bodies are under way when the power goes
    for round = 1, c.params.rounds do
      local victim = round % 2 == 0 and c:node("writer-2") or c:node("reader-1")
      victim:disk{ torn = 1 }
      c:go(function() c:node("writer-1"):flush{ files = 8, bytes = "1MiB..2MiB", every = "50ms" } end)
      if victim.role == "writer" then
        c:go(function() victim:flush{ files = 5, bytes = "10KiB..2MiB", every = "50ms" } end)
      end
      c:sleep("100ms..700ms")
      c:wait(function() return victim:stats().inflight_count > 0 end, "10s", "nothing is under way: nothing is shown")
      c:sleep("1ms..5ms")
      victim:kill{ host = true }
      c:sleep("1s..5s")
      victim:disk{}
      victim:start{}
      c:wait(function() return victim:ready() end, "5m", victim.id .. " never became ready")
      for _, entry in ipairs(c:manifest()) do
        if victim:sha256(entry.path) then
          c:check(victim:has(entry.path) or not victim:ready(), victim.id .. " calls torn bytes a file: " .. entry.path)
        end
      end
      c:sleep("2m")
    end
  end,
}
