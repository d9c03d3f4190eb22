-- One huge file among small ones (`--set bytes=100GiB` works too, if you have an hour: every byte is hashed). It
-- takes its time on the links, one worker, and nothing else: the body goes through in pieces of one size, small
-- files overtake it, and it is the operator's fetch time-out that has to fit, not a constant of the program.
return {
  name = "fetch-huge-sparse",
  about = "A file far beyond memory travels in constant space, and small ones are not held up behind it.",
  phase = 2,
  params = { bytes = "256MiB" },
  cluster = { writers = 1, readers = 1,
    config = { replication_fetch_timeout_ms = 600000, replication_serve_timeout_ms = 600000 } },
  network = { bandwidth = "100Mbit/s" },
  closing = "short",

  run = function(c)
    local reader = c:node("reader-1")
    local huge = c:flush{ path = "db/huge.parquet", bytes = c.params.bytes, sparse = true }[1]
    local small = c:flush{ files = 10, bytes = "64KiB" }
    c:sleep("10s")
    c:check(not reader:has(huge), "the huge file came faster than the link allows")
    for _, path in ipairs(small) do c:check(reader:has(path), path .. " waits behind the huge file") end
    c:wait(function() return reader:has(huge) end, "20m", "the huge file never arrived")
    c:check(reader:stats().failed == 0, "a try was given up in between")
    c:settle("1m")
  end,
}
