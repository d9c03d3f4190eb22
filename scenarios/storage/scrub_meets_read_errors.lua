-- The scrub comes to a file while the disk gives read errors for a while. It could not tell whether the bytes are
-- whole, and they are not. Passing on to the next file would leave the damage for another day: what cannot be
-- read is as good as damaged, and is pulled again once that is possible.
return {
  name = "storage-scrub-meets-read-errors",
  about = "A damaged file that the scrub could not read is pulled again all the same, not left for the next round.",
  phase = 4,
  cluster = { writers = 1, readers = 2 },
  breaks = { arc = "scenario-check" },

  run = function(c)
    local reader = c:node("reader-1")
    local paths = c:flush{ files = 5, bytes = "64KiB" }
    c:settle("1m")
    reader:corrupt(paths[2], { kind = "zero" })
    reader:disk{ read_error = 1.0 }
    reader:scrub()
    c:sleep("3s")
    reader:disk{}
    c:sleep("2m")
    c:check(reader:has(paths[2]), "the damage is still there")
    c:settle("2m")
  end,
}
