-- Ingest at a steady pace; reader-1 may go down and come back meanwhile. Trouble comes from outside.
return {
  name = "ingest",
  about = "Steady ingest under a trouble that the test adds; in the end every file is everywhere.",
  params = { restart = false, power = false },
  limit = "2h",
  cluster = { writers = 1, readers = 3 },
  run = function(c)
    c:go(function() c:flush{ files = 60, bytes = "1B..300KiB", every = "200ms" } end)
    c:sleep("4s")
    if c.params.restart then
      local node = c:node("reader-1")
      if c.params.power then node:kill{ host = true } else node:stop{ grace = "30s" } end
      c:sleep("500ms")
      node:start()
    end
    c:sleep("60s")
    c:settle("20m")
  end,
}
