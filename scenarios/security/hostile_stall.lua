-- The origin sends its ack and then nothing, and never closes. A worker that waits for ever is lost; with
-- all of them lost the reader replicates nothing any more, also not from honest peers.
return {
  name = "security-hostile-stall",
  about = "A peer that falls silent in the body holds a worker for one time-out, not for ever, so files of "
    .. "honest peers still come.",
  phase = 3,
  params = { workers = 2 },
  cluster = function(params)
    return { writers = 2, readers = 1,
      config = { replication_pull_workers = params.workers, replication_fetch_timeout_ms = 10000 } }
  end,
  closing = "short",
  breaks = { arc = "scenario-check", phase3 = "scenario-check", phase2 = "scenario-check" },

  run = function(c)
    local silent, honest, reader = c:node("writer-1"), c:node("writer-2"), c:node("reader-1")
    silent:hostile{ kind = "stall" }
    silent:flush{ files = c.params.workers, bytes = "64KiB" }
    c:sleep("1s")
    local paths = honest:flush{ files = 2, bytes = "64KiB" }
    c:sleep("3m")
    for _, path in ipairs(paths) do
      c:check(reader:has(path), "every worker waits for the silent peer: " .. path .. " is missing")
    end
  end,
}
