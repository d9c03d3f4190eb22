-- A writer is told to stop while it can reach nobody, with files that are stored and not yet registered. It may
-- try for as long as its drain time, and then has to go: a pod that waits for a majority that does not come
-- is killed in the end, with less care. Its files are not lost: they are on its disk, named by
-- nobody, and what the operator writes there again is registered as ever.
return {
  name = "consensus-stopped-while-cut-off",
  about = "A writer that stops without a majority gives its registrations up in time, keeps the bytes, and "
    .. "registers them when they are written again.",
  phase = 3,
  params = { files = 5 },
  cluster = { writers = 2, readers = 1 },
  breaks = { phase3 = "registers-all", phase2 = "registers-all" },

  run = function(c)
    local writer = c:node("writer-2")
    c:flush{ files = 5, bytes = "10KiB" }
    c:settle("1m")
    local before = #c:manifest()
    c.net:isolate(writer)
    local paths = writer:flush{ files = c.params.files, bytes = "10KiB" }
    c:sleep("2s")
    local began = c:now()
    writer:stop{ grace = "30s" }
    c:check(c:now() - began < 10, ("the stop took %.1f s"):format(c:now() - began))
    c.net:heal()
    c:sleep("10s")
    c:check(#c:manifest() == before, "what was given up is in the manifest")
    writer:start()
    c:settle("3m")
    c:check(#writer:files() == before + #paths, "the bytes of what was given up are gone")
    for _, path in ipairs(paths) do
      c:check(#writer:flush{ path = path, bytes = "10KiB" } == 1, path .. " cannot be written again")
    end
    c:settle("3m")
    c:check(#c:manifest() == before + #paths, "what was written again is not in the manifest")
    for _, path in ipairs(paths) do c:check(c:node("reader-1"):has(path), path .. " did not arrive") end
  end,
}
