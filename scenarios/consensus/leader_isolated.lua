-- The leader, which is also the writer, loses everybody in the middle of its flushes. It goes on storing
-- files that nobody can register; the others elect another leader without it. When the cut heals, what was
-- proposed to the old leader and never committed must be proposed again to the new one: a file that is on
-- disk and in no manifest is lost to every query, and nobody would ever miss it.
return {
  name = "consensus-leader-isolated",
  about = "A leader that is cut off while it flushes loses its place and not one of its files.",
  phase = 3,
  params = { files = 40, bytes = "64KiB", cut = "15s" },
  cluster = { writers = 2, readers = 3 },
  breaks = { arc = "registers-all", phase3 = "registers-all", phase2 = "registers-all" },

  run = function(c)
    local old = c:leader()
    local paths
    c:go(function() paths = old:flush{ files = c.params.files, bytes = c.params.bytes, every = "250ms" } end)
    c:sleep("2s..4s")
    c.net:isolate(old, { for_ = c.params.cut })
    c:wait(function() return c:leader() and c:leader() ~= old end, "10s", "the majority elects another leader")
    c:sleep("1s")
    c:sometimes("files were stored without a leader", #old:files() > #c:manifest())
    c:wait(function() return paths ~= nil end, "1m", "the flush ends")
    c:settle("2m")
    local is_registered = {}
    for _, row in ipairs(c:manifest()) do is_registered[row.path] = true end
    for _, path in ipairs(paths) do c:check(is_registered[path], path .. " was flushed and is in no manifest") end
  end,
}
