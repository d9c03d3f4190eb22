-- The writer's host is gone for good, and then the rack of the readers loses power. The older releases
-- never sync what they pulled, so the files that every reader had published are on no disk any more.
return {
  name = "reference-power-loss",
  about = "Older releases never sync what they pulled: a power loss of all readers takes the last copies.",
  params = { files = 3 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { phase2 = "scenario-check", phase3 = "scenario-check", arc = "scenario-check" },

  run = function(c)
    local readers = c:readers()
    for _, reader in ipairs(readers) do reader:disk{ lose_unsynced = true } end
    local paths = c:flush{ files = c.params.files, bytes = "1MiB" }
    c:settle("1m")
    c:node("writer-1"):kill{ host = true }
    c:sleep("5s")
    for _, reader in ipairs(readers) do reader:kill{ host = true } end
    c:sleep("5s")
    for _, reader in ipairs(readers) do reader:start{} end
    c:sleep("1m")
    for _, path in ipairs(paths) do
      c:check(readers[1]:has(path), path .. " was on every reader and is gone")
    end
  end,
}
