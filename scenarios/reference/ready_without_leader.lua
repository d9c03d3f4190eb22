-- A reader starts while it can reach nobody. The reference waits half a minute for a leader, gives up,
-- walks the empty manifest of a log that it cannot read yet, and says that it is ready: it answers
-- queries as if nothing had ever been written.
return {
  name = "reference-ready-without-leader",
  about = "In phase 3 and `arc` a reader that finds no leader for half a minute says it is ready, with nothing.",
  params = { files = 5 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "query-complete", phase3 = "query-complete" },

  run = function(c)
    local reader = c:node("reader-1")
    c:flush{ files = c.params.files }
    c:settle("1m")
    reader:stop{}
    c.net:isolate(reader)
    reader:start{}
    c:sleep("1m")
    c.net:heal()
    c:sleep("30s")
  end,
}
