-- Sockets are numbered from the lowest free one. A connection that was reset is gone, and its number is on a
-- new one in the same instant; whatever still speaks of the old, a timer, a chunk that was being read, a
-- close, must find nothing. Resets come often here, and so does each number.
return {
  name = "fetch-reused-handles",
  about = "A connection's number is used again at once, under resets, and nothing that spoke of its old life "
    .. "acts on the new one.",
  phase = 2,
  params = { reset = 0.02 },
  cluster = { writers = 1, readers = 3, config = { replication_pull_workers = 8 } },
  closing = "short",

  run = function(c)
    c.net:reuse_handles(true)
    c.net:link("all", "all", { reset = c.params.reset, latency = "1ms..20ms" })
    c:flush{ files = 60, bytes = "1KiB..400KiB", every = "50ms" }
    c:sleep("10s")
    for _, node in ipairs(c:nodes()) do
      for _, path in ipairs(node:files()) do c:check(node:has(path), node.id .. " shows other bytes under " .. path) end
    end
    c.net:heal()
    c:settle("15m")
  end,
}
