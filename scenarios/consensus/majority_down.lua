-- The power fails in one of two rooms and takes three of five voters. What is left can neither register a
-- file nor lie about it: it goes on storing what it is given, and answers queries from what it has. When the
-- power is back the cluster must find itself again, unasked, with what was committed, and with what was
-- stored meanwhile.
return {
  name = "consensus-majority-down",
  about = "Without a majority nothing is registered and nothing is lost; with it again all goes on by itself.",
  phase = 3,
  params = { down = "30s" },
  cluster = { writers = 2, readers = 3 },
  breaks = { arc = "registers-all", phase3 = "registers-all", phase2 = "registers-all" },

  run = function(c)
    c:flush{ files = 20, bytes = "10KiB" }
    c:settle("1m")
    local before = #c:manifest()
    local rooms = { c:node("writer-1"), c:node("reader-1"), c:node("reader-2") }
    for _, n in ipairs(rooms) do n:kill{ host = true } end
    local left = c:node("writer-2")
    local paths = left:flush{ files = 10, bytes = "10KiB" }
    c:sleep(c.params.down)
    c:check(#c:manifest() == before, "something was registered without a majority")
    c:check(c:leader() == nil, "somebody leads without a majority")
    c:check(c:node("reader-3"):holds_all(), "a reader has lost what it had")
    for _, n in ipairs(rooms) do n:start() c:sleep("0s..5s") end
    c:settle("3m")
    c:check(#c:manifest() == before + 10, "files of the dark are not in the manifest")
    for _, path in ipairs(paths) do c:check(rooms[2]:has(path), path .. " did not arrive") end
  end,
}
