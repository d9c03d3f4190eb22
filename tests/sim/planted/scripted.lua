-- A planted failure in a story of loops, coroutines and draws: of some forty calls that make trouble only
-- the one that refuses the origin matters, to a release that gives up after three attempts.
local function around(c, nodes)
  c:go(function()
    for _ = 1, 10 do
      local node = c.rng:pick(nodes)
      node:pause(c.rng:duration("10ms..400ms"))
      c:sleep("500ms..2s")
    end
  end)
  c:every("3s", function()
    c.net:link(c.rng:pick(nodes), c.rng:pick(nodes), { latency = "1ms..20ms", loss = 0.01 })
  end)
end

return {
  name = "planted-scripted",
  about = "One refused origin among forty calls that make trouble.",
  params = { files = 12, release = "arc" },
  closing = "short",
  cluster = function(params)
    return { writers = 1, readers = 3, release = params.release, config = { replication_pull_workers = 2 } }
  end,
  run = function(c)
    local nodes = c:readers()
    around(c, nodes)
    for round = 1, 4 do
      c:flush{ files = c.params.files // 4, bytes = "1KiB..32KiB" }
      nodes[1 + round % 3]:clock{ skew = "1s..3s" }
      nodes[1 + round % 3]:disk{ slow = "1ms..3ms" }
      c:sleep("3s")
    end
    c.net:refuse("writer-1")
    c:flush{ bytes = "4KiB" }
    c:sleep("25s")
    c.net:heal()
    c:sleep("5s")
  end,
}
