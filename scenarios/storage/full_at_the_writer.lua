-- The writer's disk is full: a flush fails, and the caller is told by a shorter list. What was not stored must
-- never be registered: an entry that nobody can ever serve would make every query incomplete for good. With
-- space again the writer goes on as if nothing had been.
return {
  name = "storage-full-at-the-writer",
  about = "What a full disk did not take is not registered: no manifest entry exists without a file behind it.",
  phase = 1,
  params = { files = 20 },
  cluster = { writers = 1, readers = 2 },

  run = function(c)
    local writer = c:node("writer-1")
    local before = c:flush{ files = 5 }
    writer:disk{ free = "300KiB" }
    local stored = writer:flush{ files = c.params.files, bytes = "64KiB" }
    c:check(#stored < c.params.files, "the disk was never full: nothing is shown")
    c:sleep("2m")
    c:check(#c:manifest() == #before + #stored, "the manifest has " .. #c:manifest() .. " entries, stored were "
      .. #before + #stored)
    for _, path in ipairs(stored) do
      for _, node in ipairs(c:nodes()) do c:check(node:has(path), node.id .. " lacks a file that was stored: " .. path) end
    end
    writer:disk{}
    c:check(#c:flush{ files = 5 } == 5, "with space again, a flush fails")
    c:settle("1m")
  end,
}
