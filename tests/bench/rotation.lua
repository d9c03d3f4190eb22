-- Five nodes hold files; the writer that made them is lost with its volume, and a fresh pod takes its
-- place and pulls all of them: 5 x files pulls, and every byte hashed once by each who stores it.
return {
  name = "bench-rotation",
  about = "A writer is lost and replaced; timed by bench_rotation.",
  params = { files = 1000, bytes = "64KiB", closing = "short" },
  cluster = { writers = 1, readers = 4 },
  closing = function(params)
    return params.closing
  end,

  run = function(c)
    local writer = c:node("writer-1")
    writer:flush{ files = c.params.files, bytes = c.params.bytes }
    c:settle("5m")
    local successor = writer:replace{ identity = "new", volume = "lost", grace = 0 }
    c:wait(function() return successor:ready() end, "5m", "the fresh pod never became ready")
    c:settle("5m")
    c:check(successor:holds_all(), "the fresh pod lacks files")
  end,
}
