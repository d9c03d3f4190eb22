-- Bits rot on nodes that keep running, and nothing tells them: no start, no update, no fetch. The slow scrub in
-- the background reads and hashes every file once in its interval, finds the damage, and has the file pulled
-- again from a peer; nothing else is fetched for it. With the scrub switched off the damage stays until the next
-- start, and queries read it.
return {
  name = "storage-scrub-finds-rot",
  about = "A file that rots on a node that keeps running is found by the scrub within its interval and pulled again; "
    .. "no restart is needed.",
  phase = 4,
  params = { minutes = 30 },
  cluster = function(params)
    return { writers = 1, readers = 2, config = { scrub_interval = params.minutes * 60 },
      configs = { ["reader-2"] = { scrub_interval = 0 } } }
  end,
  limit = "12h",
  breaks = { arc = "scenario-check" },

  run = function(c)
    local writer, reader, off = c:node("writer-1"), c:node("reader-1"), c:node("reader-2")
    local paths = c:flush{ files = 20, bytes = "64KiB" }
    c:settle("1m")
    c:sleep(c.params.minutes * 60)
    local before = reader:stats().body_bytes
    for _, node in ipairs{ writer, reader } do
      node:corrupt(paths[3], { kind = "flip" })
      node:corrupt(paths[7], { kind = "truncate" })
      node:remove(paths[9])
      c:check(not node:has(paths[3]) and not node:has(paths[7]), "nothing was damaged: nothing is shown")
    end
    off:corrupt(paths[11], { kind = "flip" })
    c:sleep(2 * c.params.minutes * 60)
    for _, node in ipairs{ writer, reader } do
      for _, row in ipairs{ 3, 7, 9 } do
        c:check(node:has(paths[row]), node.id .. ": " .. paths[row] .. " was not found in two intervals")
      end
      c:check(node:ready(), node.id .. " is not ready any more")
    end
    c:check(reader:stats().body_bytes - before == 3 * 65536, "more was fetched than was damaged")
    c:check(not off:has(paths[11]), "with the scrub switched off somebody mended a file")
  end,
}
