-- Some nodes that hold many tiny files, and nothing else: bench_memory looks at what they weigh.
return {
  name = "bench-many",
  about = "Nodes full of tiny files; weighed by bench_memory.",
  params = { nodes = 5, files = 20000, bytes = 16 },
  cluster = function(params)
    return { writers = 1, readers = params.nodes - 1 }
  end,
  closing = "short",

  run = function(c)
    if c.params.files > 0 then
      c:node("writer-1"):flush{ files = c.params.files, bytes = c.params.bytes }
    end
    c:settle("30m")
  end,
}
