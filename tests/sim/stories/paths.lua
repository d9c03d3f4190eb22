-- Deletes, odd names, empty files, the same path twice.
local stories = {}
function stories.delete_in_pull(c)
  c.net:link("all", "all", { bandwidth = "2Mbit/s" })
  local paths = c:flush{ files = 20, bytes = "200KiB" }
  for _, path in ipairs(paths) do
    c:sleep("30ms")
    c:delete(path)
  end
  c.net:heal()
end
function stories.again_in_grace(c)
  for row = 1, 12 do
    local path = "db/cpu/again-" .. row .. ".parquet"
    c:flush{ path = path, bytes = "20KiB" }
    c:sleep("1s")
    c:delete(path)
    c:sleep(row * 0.05)
    c:flush{ path = path, bytes = "21KiB" }
  end
end
function stories.again_without_leader(c)
  local writer = c:node("writer-1")
  local path = "db/cpu/again.parquet"
  writer:flush{ path = path, bytes = "20KiB" }
  c:sleep("2s")
  c:delete(path)
  c.net:isolate(writer, { for_ = "20s" })
  writer:flush{ path = path, bytes = "21KiB" }
  c:sleep("25s")
end
function stories.sizes(c)
  for _, bytes in ipairs{ 0, 1, 2, 4095, 4096, 65535, 65536, 65537, 262144, 1048577 } do
    c:flush{ files = 3, bytes = bytes }
  end
end
function stories.names(c)
  for _, path in ipairs{ "a", "a/b", "a.parquet", "db/cpu/x y.parquet", "db/cpu/\u{e9}\u{4e2d}.parquet",
    "...", "a/.../b", "..a", "a..", ".hidden", "db/cpu/%2e%2e/x", "db/cpu/'q\"", "db/\n/x", "db/cpu/\u{7f}",
    string.rep("n", 200) .. "/" .. string.rep("m", 200) } do
    local ok, err = pcall(function() return c:flush{ path = path, bytes = "1KiB" } end)
    if not ok then print("refused:", path, err) end
  end
end
function stories.twice(c)
  local path = "db/cpu/twice.parquet"
  for row = 1, 5 do
    c:go(function() c:flush{ path = path, bytes = 1000 + row } end)
  end
  c:sleep("100ms")
  c:flush{ path = path, bytes = "10KiB" }
  c:flush{ path = path, bytes = "10KiB" }
end
function stories.two_writers_one_path(c)
  local path = "db/cpu/both.parquet"
  for row = 1, 5 do
    c:go(function() c:node("writer-1"):flush{ path = path, bytes = 5000 + row } end)
    c:go(function() c:node("writer-2"):flush{ path = path, bytes = 6000 + row } end)
    c:sleep("40ms")
  end
end
return {
  name = "paths",
  about = "What happens to one path: deleted, rewritten, registered again, oddly named, empty.",
  params = { story = "sizes" },
  cluster = { writers = 2, readers = 3, compactors = 1 },
  run = function(c)
    stories[c.params.story](c)
    c:sleep("10s")
    c:settle("10m")
  end,
}
