-- The same without a hash: a peer answers that the offset is wrong, though none was asked for. For the
-- reference that is a reason to delete the final file.
return {
  name = "reference-bad-offset-takes-the-file",
  about = "In `arc` a peer that complains of an offset makes a reader delete its own intact copy; `current` "
    .. "touches only what is staged.",
  params = {},
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "no-wrong-delete" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    c:flush{ files = 3 }
    c:settle("1m")
    reader:stop{}
    writer:hostile{ kind = "bad-offset-lie" }
    reader:disk{ stat_error = 1 }
    reader:start{}
    c:sleep("20s")
    reader:disk{}
    c:sleep("1m")
  end,
}
