-- The origin of every file is gone for the whole story. A reader that only asks origins would wait
-- for ever; one that falls back to other peers has everything within seconds.
return {
  name = "catchup-origin-absent",
  about = "With the origin down a fresh reader gets every file from peers that pulled it before: one lost pod "
    .. "must not stop the others from catching up.",
  phase = 3,
  params = { files = 10, bytes = "64KiB" },
  cluster = { writers = 1, readers = 3 },

  run = function(c)
    local writer = c:node("writer-1")
    local paths = writer:flush{ files = c.params.files, bytes = c.params.bytes }
    c:settle("2m")
    writer:stop{}
    c:check(not writer:up(), "the origin is still up")
    c:wait(function() return c:leader() ~= nil end, "1m", "no leader without the writer")

    local fresh = c:add{ role = "reader" }
    c:wait(function() return fresh:holds_all() end, "5m", "the fresh reader lacks files")
    c:wait(function() return fresh:ready() end, "2m", "the fresh reader never became ready")
    c:check(not writer:up(), "the origin came back by itself")
    for _, path in ipairs(paths) do
      c:check(fresh:has(path), "no peer served " .. path)
    end
    c:check(fresh:query{}.missing == 0, "a query on the fresh reader misses files")
    c:sometimes("origin-absent-fallback", fresh:stats().pulled >= c.params.files)
  end,
}
