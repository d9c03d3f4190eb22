-- The origin's disk cannot read some of what it holds, first at every second read, then at all. It must not
-- send anything in its place, nor a short body that looks whole; readers go to each other. A file that only the
-- origin had and could not read is missing for as long, and comes when the disk is well.
return {
  name = "storage-read-errors-at-origin",
  about = "An origin that cannot read its files serves no wrong byte; peers that have them serve instead.",
  phase = 3,
  params = { files = 20, read_error = 0.5 },
  cluster = { writers = 1, readers = 3 },
  closing = "short",
  limit = "2h",

  run = function(c)
    local writer = c:node("writer-1")
    c:flush{ files = c.params.files, bytes = "100KiB..600KiB" }
    c:settle("1m")
    writer:disk{ read_error = c.params.read_error }
    local fresh = c:add{ role = "reader" }
    c:wait(function() return fresh:ready() end, "5m", "peers have every file, and the fresh reader is not ready")
    c:check(fresh:holds_all(), "ready, and files are missing")
    c:check(fresh:stats().checksum_mismatch == 0, "wrong bytes were served in place of unreadable ones")

    writer:disk{ read_error = 1 }
    local only = c:flush{ files = 3, bytes = "100KiB" }
    c:sleep("30s")
    for _, path in ipairs(only) do
      c:check(not fresh:has(path), "a file came from a disk that cannot be read")
      c:check(fresh:sha256(path) == nil, "something is visible under " .. path)
    end
    writer:disk{}
    c:wait(function() return fresh:holds_all() end, "12m", "with a disk that is well, files are still missing")
    c:settle("5m")
  end,
}
