-- A writer is stopped while files come in.
return {
  name = "stop-ingesting",
  about = "What a writer took in before and during its stop is registered.",
  limit = "30m",
  cluster = { writers = 2, readers = 1 },
  run = function(c)
    local writer = c:node("writer-1")
    c:go(function()
      pcall(function() writer:flush{ files = 1000, bytes = "1MiB", every = "5ms" } end)
    end)
    c:sleep("200ms")
    writer:stop{}
    writer:start{}
    c:settle("10m")
  end,
}
