-- For a minute nobody answers a reader's fetches, while the log goes on reaching it. Three attempts take
-- seconds; what failed them is not tried again in that life, although every peer is well afterwards.
return {
  name = "reference-attempts-used-up",
  about = "After a short outage of fetches older releases leave the files missing for as long as the reader "
    .. "lives; `current` tries again.",
  params = { files = 4 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "converges", phase3 = "converges", phase2 = "converges" },

  run = function(c)
    local writer = c:node("writer-1")
    c.net:refuse(writer)
    c.net:refuse("reader-2")
    c:flush{ files = c.params.files }
    c:sleep("1m")
    c.net:heal()
    c:sleep("2m")
  end,
}
