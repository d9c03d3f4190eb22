-- A wrong time server moves the whole cluster by half an hour, node by node, minutes apart. While some are
-- moved and some are not, the two sides refuse each other. Nothing is lost by it: whoever agrees on the
-- time goes on, and when all agree everything is everywhere, with no restart and no hand.
return {
  name = "clock-all-set-one-by-one",
  about = "A cluster whose clocks are set forward node by node splits for as long as they disagree, and heals "
    .. "by itself.",
  phase = 3,
  params = { by = "30m" },
  cluster = { writers = 1, readers = 4 },
  limit = "6h",

  run = function(c)
    local refused = false
    for _, node in ipairs(c.rng:shuffle(c:nodes())) do
      node:clock{ jump = c.params.by }
      local path = c:flush{ files = 1 }[1]
      c:sleep("1m..3m")
      for _, other in ipairs(c:nodes()) do refused = refused or not other:has(path) end
    end
    c:check(refused, "nobody was shut out while the clocks disagreed")
    local paths = c:flush{ files = 2 }
    c:settle("15m")
    for _, node in ipairs(c:nodes()) do
      c:check(node:has(paths[1]), node.id .. " lacks a file though all clocks agree")
    end
  end,
}
