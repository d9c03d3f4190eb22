-- A reader is stopped in the middle of a pull, and the file is deleted before it comes back. The reference
-- removes final names alone: the half of a file that nobody wants any more stays on the disk.
return {
  name = "reference-stop-leaves-part",
  about = "In `arc` what a stop leaves half-pulled stays for good once the file is deleted: disks fill with "
    .. "parts that nobody knows.",
  params = { bytes = "8MiB" },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "scenario-check" },

  run = function(c)
    local reader = c:node("reader-1")
    c.net:link("writer-1", reader, { bandwidth = "10Mbit/s" })
    local path = c:flush{ files = 1, bytes = c.params.bytes }[1]
    c:sleep("2s")
    reader:kill{}
    c:delete(path)
    c.net:heal()
    reader:start{}
    c:sleep("2m")
    for _, name in ipairs(reader:files()) do
      c:check(name:sub(1, #path) ~= path, name .. " is left of a deleted file")
    end
  end,
}
