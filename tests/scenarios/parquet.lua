-- Every file of the folder files/ travels to every node. Prints what each disk then holds: the test
-- that runs this compares it with the hashes of the real files.
return {
  name = "parquet",
  about = "Real Parquet files reach every node byte for byte.",
  params = { files = 16 },
  cluster = { writers = 1, readers = 3 },

  run = function(c)
    local paths = c:flush{ from = "files" }
    c:check(#paths == c.params.files, "flushed " .. #paths .. " files")
    c:settle("5m")
    local fresh = c:add{ role = "reader" }
    c:wait(function() return fresh:ready() end, "5m", "the fresh reader never became ready")
    c:settle("5m")
    for _, node in ipairs(c:nodes{}) do
      for _, path in ipairs(paths) do
        print("held", node.id, path, node:sha256(path))
      end
    end
    for _, entry in ipairs(c:manifest()) do
      print("listed", entry.path, entry.size_bytes, entry.sha256)
    end
  end,
}
