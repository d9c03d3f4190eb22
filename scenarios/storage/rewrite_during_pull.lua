-- A writer is pulling a large file when it rewrites it under the same name. Until the new version is
-- registered, the manifest still asks for the old one: if the pull goes by the manifest alone, it puts
-- the old bytes over the new ones a moment before everybody is told to fetch these, and nobody has them.
return {
  name = "rewrite-during-pull",
  about = "A file is rewritten while its former version is pulled: the new bytes stay, for nobody else has them "
    .. "yet.",
  phase = 3,
  params = { rounds = 4 },
  network = { bandwidth = "20Mbit/s" },
  cluster = { writers = 2, readers = 2 },

  run = function(c)
    local first, second = c:node("writer-1"), c:node("writer-2")
    for round = 1, c.params.rounds do
      local path = first:flush{ files = 1, bytes = "4MiB" }[1]
      c:wait(function() return #c:manifest() == round end, "20s", "the file is registered")
      c:sleep("100ms..1s")
      c.net:partition(second, first, { oneway = true }) -- the pull gets its bytes, the registration does not get out
      second:rewrite(path, { bytes = "1KiB" })
      c:sleep("3s")
      c.net:heal()
      c:settle("5m")
      for _, node in ipairs(c:nodes{}) do
        c:check(node:sha256(path) == second:sha256(path), node.id .. " has other bytes in round " .. round)
      end
    end
  end,
}
