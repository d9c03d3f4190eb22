-- A cluster that is never the same for long: each of its five pods in turn loses its name and its
-- volume, and then all of them again, ten times over. No node and no disk of the beginning is left,
-- yet consensus goes on and every file ever flushed is there: this is what membership is for.
return {
  name = "ten-times",
  about = "Every pod is replaced ten times over by a new one on an empty disk: nothing is lost, and the cluster "
    .. "is without a leader for moments only.",
  phase = 3,
  params = { rounds = 10, bytes = "32KiB", every = "1s", leaderless = 5, sample = "100ms" },
  cluster = { writers = 2, readers = 3 },
  limit = "2h",

  run = function(c)
    local flushed = {}
    local victim -- whose disk goes next: what only it has would go with it
    local is_rotating = true
    c:go(function()
      while is_rotating do
        for _, writer in ipairs(c:nodes{ role = "writer", up = true }) do
          if writer ~= victim then
            local ok, paths = pcall(writer.flush, writer, { bytes = c.params.bytes })
            for _, path in ipairs(ok and paths or {}) do
              flushed[#flushed + 1] = path
            end
            break
          end
        end
        c:sleep(c.params.every)
      end
    end)

    -- A leader is seen at least once in any five seconds.
    local led_at, longest, samples = c:now(), 0, 0
    c:every(c.params.sample, function()
      if c:leader() then
        led_at = c:now()
      end
      longest = math.max(longest, c:now() - led_at)
      samples = samples + 1
    end)

    local ids = {}
    for _, node in ipairs(c:nodes{}) do
      ids[node.id] = true
    end
    for round = 1, c.params.rounds do
      local before = #flushed
      local began = c:now()
      for _, node in ipairs(c:nodes{}) do
        victim = node
        c:settle("5m")
        c:rotate{ nodes = { node }, identity = "new", volume = "lost", grace = "30s" }
      end
      victim = nil
      c:metric("round took, s", c:now() - began)
      c:check(#flushed > before, "no file was flushed in round " .. round)
      for _, node in ipairs(c:nodes{}) do
        c:check(not ids[node.id], node.id .. " was not replaced in round " .. round)
        c:check(node:ready(), node.id .. " is not ready after round " .. round)
        ids[node.id] = true
      end
    end
    is_rotating = false
    c:sleep("5s")
    c:settle("5m")

    c:metric("longest without a leader, s", longest)
    c:check(samples > c:now(), "the leader was looked for only " .. samples .. " times")
    c:check(longest <= c.params.leaderless, "without a leader for " .. longest .. " s")
    c:check(#c:nodes{} == 5, "the cluster has " .. #c:nodes{} .. " nodes")
    local listed = {}
    for _, entry in ipairs(c:manifest()) do
      listed[entry.path] = true
    end
    for _, path in ipairs(flushed) do
      c:check(listed[path], path .. " was flushed and is not in the manifest")
      for _, node in ipairs(c:nodes{}) do
        c:check(node:has(path), path .. " is not on " .. node.id)
      end
    end
    c:metric("files flushed", #flushed)
  end,
}
