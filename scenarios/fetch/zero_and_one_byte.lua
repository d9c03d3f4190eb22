-- Empty files and files of one byte, many of them, among ordinary ones. An empty one has a hash, an ack, and
-- no body at all; nothing ever arrives that could end the wait for it. The reference checks an offset of 0
-- against a size of 0 and serves it to nobody.
return {
  name = "fetch-zero-and-one-byte",
  about = "Files of no and of one byte are files like any other: pulled, counted, ready, and found again at a start.",
  phase = 2,
  params = {},
  cluster = { writers = 1, readers = 2 },
  breaks = { arc = "converges" },

  run = function(c)
    local paths = {}
    for _, size in ipairs{ 0, 1, 0, 1, "64KiB", 0, 2 } do paths[#paths + 1] = c:flush{ files = 1, bytes = size }[1] end
    c:sleep("10s")
    for _, reader in ipairs(c:readers()) do
      for _, path in ipairs(paths) do c:check(reader:has(path), reader.id .. " lacks " .. path) end
      c:check(reader:stats().failed == 0, reader.id .. " counts failed pulls")
    end
    local fresh = c:add{ role = "reader" }
    c:wait(function() return fresh:ready() end, "1m", "an empty file keeps a fresh reader from being ready")
    c:check(fresh:holds_all(), "ready without the empty files")
    local before = fresh:stats().body_bytes
    fresh:restart{ down = "1s" }
    c:wait(function() return fresh:ready() end, "1m", "an empty file keeps a restarted reader from being ready")
    c:check(fresh:stats().body_bytes == before, "what is there was fetched again at the start")
  end,
}
