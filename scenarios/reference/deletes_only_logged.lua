-- A file is deleted from the manifest. Until phase 4 the nodes write a line in their logs and keep their
-- copies: the disk fills, and whatever reads the folder sees rows that were deleted.
return {
  name = "reference-deletes-only-logged",
  about = "In phases 2 and 3 deleted files stay on every disk: retention frees nothing, and every disk fills.",
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { phase2 = "no-resurrection", phase3 = "no-resurrection" },

  run = function(c)
    local reader = c:node("reader-1")
    local paths = c:flush{ files = 3 }
    c:settle("1m")
    c:delete(paths[2])
    c:sleep("1m")
    for _, path in ipairs(reader:files()) do
      c:check(path ~= paths[2], "the deleted file is still on the reader's disk")
    end
  end,
}
