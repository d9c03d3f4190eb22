-- A reader holds a file intact, and its disk cannot say so for a moment: the file is pulled once more. A
-- peer answers with another hash in the header, before any byte. The reference then deletes what lies
-- under the final name: the intact copy.
return {
  name = "reference-header-takes-the-file",
  about = "In older releases a header with a wrong hash, before any byte, makes a reader delete its own intact "
    .. "copy.",
  params = {},
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "no-wrong-delete", phase3 = "no-wrong-delete", phase2 = "no-wrong-delete" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    c:flush{ files = 3 }
    c:settle("1m")
    reader:stop{}
    writer:hostile{ kind = "wrong-hash" }
    reader:disk{ stat_error = 1 }
    reader:start{}
    c:sleep("20s")
    reader:disk{}
    c:sleep("1m")
  end,
}
