-- Wall clocks jump by an hour in both directions while bodies are on their way, as after a suspend or a
-- bad time server. Time-outs belong to the monotonic clock and see nothing of it: the transfers end as
-- they would have, with no byte fetched twice. Requests made while the clock is wrong are refused.
return {
  name = "clock-jump-during-pull",
  about = "A wall clock that jumps in the middle of a transfer neither cuts it off nor keeps it alive.",
  phase = 2,
  params = { bytes = "8MiB" },
  cluster = { writers = 1, readers = 1 },
  network = { bandwidth = "10Mbit/s" },
  closing = "short",

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    for _, jump_s in ipairs{ 3600, -3600, 301, -301 } do
      local before = reader:stats().body_bytes
      local path = writer:flush{ files = 1, bytes = c.params.bytes }[1]
      c:wait(function() return reader:stats().inflight_count > 0 end, "10s", "no pull began")
      c:sleep("1s..4s")
      c:check(not reader:has(path), "the file was there before the jump: nothing is shown")
      local jumped = c.rng:pick{ writer, reader }
      jumped:clock{ jump = jump_s }
      c:wait(function() return reader:has(path) end, "1m", "a jump by " .. jump_s .. " s cost the transfer")
      c:check(reader:stats().body_bytes - before == 8 * 1024 * 1024, "bytes came twice")
      jumped:clock{ jump = -jump_s }
      c:settle("5m")
    end
  end,
}
