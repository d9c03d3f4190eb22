-- A reader is asked to stop while a large file arrives over a slow link. A pull of the reference does not
-- hear of it before its body has ended: the pod is killed at the end of its grace instead of leaving.
return {
  name = "reference-stop-waits-for-body",
  about = "In older releases an orderly stop waits for a slow transfer, longer than any grace, and ends in a "
    .. "kill; `current` is held up by no peer.",
  params = { bytes = "20MiB" },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "stops-in-time", phase3 = "stops-in-time", phase2 = "stops-in-time" },

  run = function(c)
    local reader = c:node("reader-1")
    c.net:link("writer-1", reader, { bandwidth = "2Mbit/s" })
    c:flush{ files = 1, bytes = c.params.bytes }
    c:sleep("3s")
    reader:stop{ grace = "30s" }
    reader:start{}
    c.net:heal()
    c:sleep("1m")
  end,
}
