-- Two of five voters are cut off, a writer and the leader among them, and both sides go on working. On the
-- small side nothing may be committed, whatever its leader believes; on the large side everything goes on.
-- When the cut heals there is one history, the large side's, and what the small side had only stored joins it
-- at its end.
return {
  name = "consensus-minority-heals",
  about = "A minority commits nothing while it is cut off, and brings all its files when it is back.",
  phase = 3,
  params = { cut = "20s" },
  cluster = { writers = 2, readers = 3 },
  breaks = { arc = "registers-all", phase3 = "registers-all", phase2 = "registers-all" },

  run = function(c)
    local small = { c:node("writer-1"), c:node("reader-1") }
    local large = { c:node("writer-2"), c:node("reader-2"), c:node("reader-3") }
    c:flush{ files = 10, bytes = "10KiB" }
    c:settle("1m")
    local before = #c:manifest()
    c.net:partition(small, large, { for_ = c.params.cut })
    local here = small[1]:flush{ files = 10, bytes = "10KiB" }
    c:wait(function() return c:leader() and c:leader() ~= small[1] end, "10s", "the majority elects a leader")
    large[1]:flush{ files = 10, bytes = "10KiB" }
    c:wait(function() return #c:manifest() == before + 10 end, "15s", "the majority registers what it flushed")
    c:check(large[2]:query{}.missing == 0 or not large[2]:holds_all(), "the majority stands still")
    c:sleep(c.params.cut)
    c:settle("2m")
    c:check(#c:manifest() == before + 20, "files of one side are not in the manifest")
    for _, path in ipairs(here) do c:check(large[2]:has(path), "the minority's " .. path .. " did not arrive") end
  end,
}
