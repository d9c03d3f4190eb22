-- A file on a reader's disk loses its second half while the node is down, and at its start nobody
-- answers for a few seconds. The reference's second attempt finds the short file under the final name,
-- hashes it, asks for the rest, appends it to a part file that the first attempt left empty, and
-- publishes the tail alone, over the half that was there. It counts as pulled.
return {
  name = "storage-tail-published-alone",
  about = "Resuming over a short final file `arc` publishes the tail of the file as the file; `current` fetches "
    .. "the whole again.",
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { arc = "intact-bytes" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local path = c:flush{ files = 1 }[1]
    c:settle("1m")
    c.net:refuse(writer) -- it does not hear the goodbye either, so the reader stays a member
    reader:stop{}
    reader:corrupt(path, { kind = "truncate" })
    reader:start{}
    c:wait(function() return reader:up() end, "1m", "the reader never came up")
    c:sleep("1s")
    c.net:heal()
    c:sleep("5m")
    c:check(reader:sha256(path) == writer:sha256(path), "the file has other bytes than its origin's")
  end,
}
