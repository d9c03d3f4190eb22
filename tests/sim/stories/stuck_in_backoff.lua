-- Between two attempts a disk is stuck, and comes free in the very instant in which the next one can
-- begin: that one is late, and it is the disk's doing.
return {
  name = "stuck-in-backoff",
  about = "An attempt that a stuck disk held up is not late when the disk is well again.",
  cluster = { writers = 1, readers = 1 },
  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    writer:hostile{ kind = "not-found-lie", p = 1, for_ = "9s" }
    local path = writer:flush{ bytes = "10KiB" }[1]
    c:sleep("300ms")
    reader:disk{ stuck = "10s" }
    c:sleep("10s")
    reader:disk{ stuck = false }
    c:wait(function() return reader:has(path) end, "1m", "the reader did not get it")
  end,
}
