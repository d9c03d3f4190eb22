-- A peer sends a whole body with a wrong byte in it. The reference keeps the bytes under `<path>.part`,
-- finds them there at its next attempt, of the right size, and calls the file present: nothing is
-- under its name, nobody will pull it again, and the reader reports ready.
return {
  name = "storage-part-file-counts-as-present",
  about = "After a corrupt body `arc` takes a part file of the right size for the file and never asks again; "
    .. "`current` has it from elsewhere.",
  params = {},
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "intact-bytes" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    reader:stop{}
    local paths = c:flush{ files = 1 }
    c:settle("1m")
    c:node("reader-2"):stop{}
    writer:corrupt(paths[1], { kind = "flip" })
    reader:start{}
    c:sleep("30s")
    c:node("reader-2"):start{}
    c:sleep("20m")
    for _, name in ipairs(reader:files()) do
      c:check(not name:find("%.part$"), name .. " is on the disk")
    end
  end,
}
