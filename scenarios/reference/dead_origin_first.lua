-- The host of the origin is gone, and everybody knows. The reference puts the origin first whatever its
-- health: each file costs a fresh reader a dial that nobody answers before a peer is asked.
return {
  name = "reference-dead-origin-first",
  about = "Older releases dial an origin known to be dead first for each file, ten seconds each; `current` goes "
    .. "by health, and catch-up takes moments.",
  params = { files = 20 },
  cluster = { writers = 1, readers = 2, config = { replication_pull_workers = 1 } },
  closing = "short",
  breaks = { arc = "liveness", phase3 = "liveness" },

  run = function(c)
    c:flush{ files = c.params.files }
    c:settle("1m")
    c:node("writer-1"):kill{ host = true }
    c:sleep("1m")
    local fresh = c:add{ role = "reader" }
    c:wait(function() return fresh:holds_all() end, "90s", "a dead origin holds up a fresh reader")
  end,
}
