-- Two of five nodes are hostile at once, one of them a writer whose own files nobody else has yet. They
-- change their ways every half minute, while the honest writer flushes a file each second. A try at a liar
-- may hold a worker for one time-out of two seconds; what the honest writer makes is still everywhere within
-- fifteen, and no forged byte is visible anywhere at any time.
return {
  name = "security-hostile-two-of-five",
  about = "With two of five nodes hostile under load the honest ones go on replicating: no forged byte, and no file "
    .. "waits for a liar.",
  phase = 3,
  params = { rounds = 6 },
  cluster = { writers = 2, readers = 3,
    config = { replication_pull_workers = 4, replication_fetch_timeout_ms = 2000 } },
  closing = "short",
  limit = "2h",
  breaks = { arc = "every-wait-bounded" },

  run = function(c)
    local kinds = { "corrupt-body", "self-consistent-forgery", "short-body", "stall", "slow-drip", "never-ack",
      "garbage-frame", "huge-frame", "not-found-lie", "auth-lie", "bad-offset-lie", "reset", "wrong-hash" }
    local honest = { c:node("writer-1"), c:node("reader-1"), c:node("reader-2") }
    local liars = { c:node("writer-2"), c:node("reader-3") }
    local due = {}
    c:every("1s", function()
      local path = honest[1]:flush{ files = 1, bytes = "10KiB..200KiB" }[1]
      due[#due + 1] = { path = path, since = c:now() }
    end)
    c:every("6s", function() liars[1]:flush{ files = 1, bytes = "10KiB..200KiB" } end)
    c:every("5s", function()
      for _, node in ipairs(honest) do
        for _, path in ipairs(node:files()) do c:check(node:has(path), node.id .. " shows forged bytes of " .. path) end
        for _, row in ipairs(due) do
          c:check(c:now() - row.since < 15 or node:has(row.path), node.id .. " waits for " .. row.path)
        end
      end
      c:metric("backlog", honest[2]:stats().queue_depth)
    end)
    for round = 1, c.params.rounds do
      for _, liar in ipairs(liars) do
        liar:hostile{ kind = round == 1 and "stall" or c.rng:pick(kinds), p = 0.8 }
      end
      c:sleep("30s")
    end
  end,
}
