-- A reader dies while a body is on the way, and the file is deleted before it is asked for
-- again. The reference's partial stays on the disk as a visible `<path>.part`, for ever: no delete,
-- no start removes it.
return {
  name = "storage-part-file-left-behind",
  about = "In `arc` a pull that breaks off leaves a visible part file that nothing ever removes; what `current` "
    .. "stages is nobody's file.",
  params = { bytes = "8MiB" },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "atomic-publish" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    c.net:link("all", reader, { bandwidth = "4Mbit/s" })
    local path = writer:flush{ files = 1, bytes = c.params.bytes }[1]
    c:sleep("1s")
    reader:kill{} -- an orderly stop would wait for the body
    c:sleep("1s")
    reader:start{}
    c:delete(path)
    c:sleep("2m")
    c:check(not reader:has(path), "the deleted file is back")
    c:check(#reader:files() == 0, reader:files()[1] or "")
  end,
}
