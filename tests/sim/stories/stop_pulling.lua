-- A reader is stopped while the only peer that answers it does so very slowly.
return {
  name = "stop-pulling",
  about = "An orderly stop is over in seconds, whatever a peer does.",
  limit = "2h",
  cluster = { writers = 1, readers = 2 },
  run = function(c)
    local reader = c:node("reader-1")
    c.net:link("writer-1", reader, { bandwidth = "64kbit/s" })
    c:flush{ files = 4, bytes = "1MiB" }
    c:sleep("5s")
    local began = c:now()
    reader:stop{ grace = "10m" }
    c:metric("stop-seconds", c:now() - began)
    c.net:heal()
    reader:start{}
    c:settle("10m")
  end,
}
