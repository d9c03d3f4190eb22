-- Two hostile members announce bodies and send nothing. Each honest reader asks them first for what they
-- wrote: two files are enough to hold both its workers. In the reference a body has no deadline, so what the
-- honest writer flushes from then on is queued for ever; here a worker is back after one time-out.
return {
  name = "security-hostile-starvation",
  about = "Silent bodies of two members hold all workers for one time-out; in the reference they starve every "
    .. "honest file.",
  phase = 4,
  params = { timeout_s = 10 },
  cluster = function(params)
    return { writers = 3, readers = 2, config = { replication_pull_workers = 2,
      replication_fetch_timeout_ms = params.timeout_s * 1000, replication_retry_max_attempts = 1 } }
  end,
  closing = "short",
  breaks = { arc = "scenario-check" },

  run = function(c)
    local reader = c:node("reader-1")
    local liars = { c:node("writer-2"), c:node("writer-3") }
    for _, liar in ipairs(liars) do
      liar:hostile{ kind = "stall" }
      liar:flush{ files = 2 }
    end
    c:sleep("1s")
    local paths = c:node("writer-1"):flush{ files = 20, every = "500ms" }
    c:sleep(6 * c.params.timeout_s)
    for _, path in ipairs(paths) do
      c:check(reader:has(path), "every worker waits for a liar: " .. path .. " is missing after a minute")
    end
  end,
}
