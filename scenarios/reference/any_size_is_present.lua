-- A file on a reader's disk loses its second half. In phases 2 and 3 a name that is there is a file
-- that is there, whatever its size.
return {
  name = "reference-any-size-is-present",
  about = "Phases 2 and 3 take any file of the right name for the file, so one cut in half stays and answers "
    .. "queries; `current` compares content.",
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { phase2 = "intact-bytes", phase3 = "intact-bytes" },

  run = function(c)
    local reader = c:node("reader-1")
    local paths = c:flush{ files = 3 }
    c:settle("1m")
    reader:stop{}
    reader:corrupt(paths[2], { kind = "truncate" })
    reader:start{}
    c:wait(function() return reader:ready() end, "2m", "the reader never became ready")
    c:sleep("1m")
  end,
}
