-- Bits rot while a node is down: one file has a flipped byte, one is cut, one is zeroes, one has another file's
-- bytes; all but one have the size that they should. A start that looks at names or sizes calls them present,
-- and serves queries from them. Content is hashed at the start, the damaged are pulled again, and then it is ready.
return {
  name = "storage-corrupt-at-start",
  about = "Damage at rest is found at the next start, by content and not by size, and mended before the node is ready.",
  phase = 4,
  params = { files = 12 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "intact-bytes", phase3 = "intact-bytes", phase2 = "intact-bytes" },

  run = function(c)
    local paths = c:flush{ files = c.params.files, bytes = "64KiB" }
    c:settle("1m")
    for _, node in ipairs{ c:node("reader-1"), c:node("writer-1") } do
      node:stop{}
      for row, kind in ipairs{ "flip", "truncate", "zero", "swap" } do
        node:corrupt(paths[row], { kind = kind })
        c:check(not node:has(paths[row]), kind .. " left the file intact: nothing is shown")
      end
      node:remove(paths[5])
      local before = node:stats().body_bytes
      node:start{}
      c:wait(function() return node:ready() end, "2m", node.id .. " never became ready")
      for row = 1, #paths do c:check(node:has(paths[row]), node.id .. " is ready with a damaged " .. paths[row]) end
      c:check(node:stats().body_bytes - before <= 6 * 65536, node.id .. " fetched more than was damaged")
      c:settle("1m")
    end
  end,
}
