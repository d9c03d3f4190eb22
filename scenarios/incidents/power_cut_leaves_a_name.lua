-- ClickHouse #116490 and its like. A file is written without a sync. The power goes; the name and
-- the inode reached the disk and the data did not, and after the restart there is a file of zero bytes
-- under the right name. A missing file would have been noticed; an empty one counted, and acknowledged rows
-- were gone.
--
-- Here: the power of a reader's host fails in the middle of steady ingest, five times, each time in the
-- middle of a file, on a disk that leaves halves behind. After each start, ready means: every file whole,
-- whatever its name promises.
return {
  name = "incident-power-cut-leaves-a-name",
  about = "After a power cut a name on the disk proves nothing: what is short or empty is found and fetched again.",
  params = { cuts = 5, bytes = "1MiB" },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "query-complete" },

  run = function(c)
    local reader = c:node("reader-1")
    reader:disk{ torn = 0.9 }
    c.net:link(reader, "all", { bandwidth = "40Mbit/s" })
    local is_over = false
    c:go(function()
      while not is_over do
        c:flush{ files = 1, bytes = c.params.bytes }
        c:sleep("300ms")
      end
    end)
    local cut_short = 0
    for _ = 1, c.params.cuts do
      c:sleep("7s..13s")
      cut_short = cut_short + reader:stats().inflight_count
      reader:kill{ host = true }
      c:sleep("5s")
      reader:start{}
      c:wait(function() return reader:ready() end, "5m", "the reader came back")
    end
    is_over = true
    c:check(cut_short > 0, "the power never failed in the middle of a file")
    c:settle("5m")
  end,
}
