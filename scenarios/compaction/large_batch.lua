-- Hundreds of files with long names become one, on a compactor that does not lead. Its batch has to fit
-- into one frame of the peer channel, 1 MiB after two rounds of base64, and does not. The reference sends
-- it, fails, and tries the same again every second, for ever: nothing is compacted, and the file stays.
-- `current` cuts the batch, registers first.
return {
  name = "compaction-large-batch",
  about = "A compaction whose batch exceeds a frame is cut into several that fit; in `arc` it fails for ever, "
    .. "and the sources are never let go.",
  params = { inputs = 800 },
  cluster = { writers = 1, readers = 1, compactors = 1 },
  closing = "short",
  breaks = { arc = "liveness" },

  run = function(c)
    local tenant = ("a-long-name-of-a-part-of-a-tenant/"):rep(20) .. "db"
    c:flush{ files = c.params.inputs, bytes = "1KiB", every = "5ms", database = tenant }
    c:settle("10m")
    local output
    c:go(function() output = c:compact{ inputs = c.params.inputs } end)
    c:wait(function() return output ~= nil end, "2m", "the compaction gets through")
    c:settle("10m")
    c:check(#c:manifest() == 1, "all that is left is the output")
  end,
}
