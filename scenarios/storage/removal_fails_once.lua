-- A file is deleted, and when its copy is due to go a reader's disk refuses to remove anything for a
-- while. Nobody else will ever ask for that removal again: if the node tries once, the copy stays until
-- the next start, and every query until then still finds the deleted rows.
return {
  name = "removal-fails-once",
  about = "A removal that the disk refuses is tried again when the disk is well: else deleted rows are found "
    .. "until the next start.",
  params = { files = 10 },
  cluster = { writers = 1, readers = 2 },

  run = function(c)
    local reader = c:node("reader-1")
    local paths = c:flush{ files = c.params.files }
    c:settle("1m")
    reader:disk{ write_error = 1 }
    for _, path in ipairs(paths) do c:delete(path) end
    c:sleep("3s")
    local held = 0
    for _, path in ipairs(paths) do held = held + (reader:has(path) and 1 or 0) end
    c:check(held > 0, "the disk refused nothing")
    reader:disk{}
    c:sleep("2s")
    for _, path in ipairs(paths) do c:check(not reader:has(path), path .. " is still there") end
    c:settle("1m")
  end,
}
