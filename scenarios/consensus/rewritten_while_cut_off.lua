-- A writer is cut off and rewrites the same file twice, as a compaction that is repeated does. Each version is
-- stored and waits to be registered. The first is superseded: its bytes are gone, and were it registered
-- all the same, after the second even, the manifest would ask the whole cluster for bytes that nobody has.
return {
  name = "consensus-rewritten-while-cut-off",
  about = "Of the versions that a writer stores while it is cut off only the last is registered, and all have it.",
  phase = 3,
  params = { files = 3 },
  cluster = { writers = 2, readers = 1 },
  closing = "short",
  breaks = { arc = "registers-all" },

  run = function(c)
    local writer, reader = c:node("writer-2"), c:node("reader-1")
    local paths = writer:flush{ files = c.params.files, bytes = "20KiB" }
    c:settle("1m")
    local before = #c:manifest()
    c.net:isolate(writer)
    for round = 1, 3 do
      for _, path in ipairs(paths) do writer:rewrite(path, { bytes = 1000 * round }) end
      c:sleep("2s")
    end
    for _, path in ipairs(paths) do
      c:check(reader:sha256(path) ~= writer:sha256(path), "a rewrite got out of the isolation")
    end
    c.net:heal()
    c:settle("3m")
    c:check(#c:manifest() == before, "the manifest has other files than before")
    for _, entry in ipairs(c:manifest()) do
      c:check(entry.sha256 == writer:sha256(entry.path), "the manifest names a version that is gone")
    end
    for _, node in ipairs(c:nodes{}) do
      for _, path in ipairs(paths) do
        c:check(node:sha256(path) == writer:sha256(path), node.id .. " has another version of " .. path)
      end
    end
  end,
}
