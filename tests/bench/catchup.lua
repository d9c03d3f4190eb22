-- A writer holds many small files when a fresh reader joins and pulls them all. What is timed is the
-- difference to the same run without that reader.
return {
  name = "bench-catchup",
  about = "A fresh reader pulls many small files; timed by bench_pull.",
  params = { files = 10000, bytes = "1KiB", pull = true },
  cluster = { writers = 1, readers = 1 },
  closing = "short",

  run = function(c)
    c:node("writer-1"):flush{ files = c.params.files, bytes = c.params.bytes }
    c:settle("30m")
    if c.params.pull then
      c:add{ role = "reader" }
      c:settle("30m")
    end
  end,
}
