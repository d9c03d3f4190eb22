-- A held file is damaged behind the node's back; the next life finds out and repairs it from peers.
return {
  name = "damage",
  about = "Damage at rest is found at the next start and repaired from peers, on the producer too.",
  params = { node = "reader-1", kind = "flip", bytes = "64KiB", power = false },
  cluster = { writers = 1, readers = 2 },
  run = function(c)
    local paths = c:flush{ files = 5, bytes = c.params.bytes }
    c:settle("5m")
    local node = c:node(c.params.node)
    for row = 1, 3 do
      if c.params.kind == "remove" then node:remove(paths[row])
      else node:corrupt(paths[row], { kind = c.params.kind }) end
    end
    if c.params.power then
      node:kill{ host = true }
      node:start()
    else
      node:restart{ down = "1s" }
    end
    c:sleep("2s")
    c:settle("10m")
    c:wait(function() return node:ready() end, "5m", "not ready after the repair")
    for _, path in ipairs(paths) do
      c:check(node:has(path), path .. " was not repaired")
    end
  end,
}
