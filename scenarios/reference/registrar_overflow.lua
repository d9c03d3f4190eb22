-- More files than the registrar's queue holds are flushed while there is no leader. What does not fit
-- is dropped with a counter, and never registered.
return {
  name = "reference-registrar-overflow",
  about = "In `arc` a long outage fills the registrar's queue, and the files beyond it are never registered; "
    .. "`current` forgets none.",
  params = { files = 4200 },
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { arc = "registers-all" },

  run = function(c)
    local writer = c:node("writer-1")
    c.net:isolate(writer)
    writer:flush{ files = c.params.files, bytes = 16 }
    c.net:heal()
    c:sleep("2m")
  end,
}
