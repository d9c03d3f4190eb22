-- Rows of matters.lua: the calls of a node, its disk and its clock.
local function only(with, options) return with and options or {} end

local function flushed(c, options)
  local paths = c:flush(options or { bytes = "10KiB" })
  c:settle("1m")
  return paths
end

-- Is a goodbye heard that the reader says when it stops in order?
local function says_goodbye(c, stop)
  local seen = false
  local a = c:attacker{ on_path = { "reader-1", "writer-1" } }
  c:go(function() a:capture{ type = "LeaveNotify", from = "reader-1" } seen = true end)
  stop(c:node("reader-1"))
  c:sleep("20s")
  return seen
end

local function pulls_again(c, reader, action)
  flushed(c)
  local before = reader:stats().pulled
  action(reader)
  c:sleep("20s")
  return reader:stats().pulled - before
end

local function life(row)
  local one = { cluster = { readers = 1 } }
  row("n:up", false, true, function(c, with)
    local reader = c:node("reader-1")
    if with then reader:kill() end
    return reader:up()
  end)
  row("n:stop", true, false, function(c, with)
    return says_goodbye(c, function(reader) if with then reader:stop() end end)
  end)
  row("n:stop grace", false, true, function(c, with)
    return says_goodbye(c, function(reader) reader:stop(only(with, { grace = 0 })) end)
  end)
  row("n:kill", false, true, function(c, with)
    if with then c:node("reader-1"):kill() end
    return c:node("reader-1"):up()
  end)
  row("n:kill host", true, false, function(c, with)
    local reader = c:node("reader-1")
    reader:disk{ lie_about_sync = true }
    local paths = flushed(c)
    reader:kill{ host = not with }
    return reader:has(paths[1])
  end)
  row("n:start", true, false, function(c, with)
    local reader = c:node("reader-1")
    reader:kill()
    if with then reader:start() end
    c:sleep("5s")
    return reader:ready()
  end)
  row("n:start release", "arc", "current", function(c, with)
    local reader = c:node("reader-1")
    reader:kill()
    reader:start(only(with, { release = "arc" }))
    return reader.release
  end)
  row("n:start config", 0, 1, function(c, with)
    local reader = c:node("reader-1")
    reader:kill()
    reader:start(only(with, { config = { replication_catchup_enabled = false } }))
    c:sleep("5s")
    return math.min(1, reader:stats().catchup_started_at)
  end)
  row("n:restart", true, false, function(c, with)
    return says_goodbye(c, function(reader) if with then reader:restart() end end)
  end)
  row("n:restart down", 2, 5, function(c, with)
    c:node("reader-1"):restart(only(with, { down = "2s" }))
    return math.floor(c:now())
  end)
  row("n:restart grace", false, true, function(c, with)
    return says_goodbye(c, function(reader) reader:restart(only(with, { grace = 0 })) end)
  end)
  row("n:restart release", "arc", "current", function(c, with)
    c:node("reader-1"):restart(only(with, { release = "arc" }))
    return c:node("reader-1").release
  end)
  row("n:restart config", 0, 1, function(c, with)
    c:node("reader-1"):restart(only(with, { config = { replication_catchup_enabled = false } }))
    c:sleep("5s")
    return math.min(1, c:node("reader-1"):stats().catchup_started_at)
  end)
  row("n:pause", false, true, function(c, with)
    local reader = c:node("reader-1")
    if with then reader:pause("10s") end
    local paths = c:flush{ bytes = "10KiB" }
    c:sleep("5s")
    return reader:has(paths[1])
  end, one)
  row("n:stop_at", true, false, function(c, with)
    return says_goodbye(c, function(reader) if with then reader:stop_at{ event = c:events(reader) + 5 } end end)
  end)
  row("n:kill_at", false, true, function(c, with)
    local reader = c:node("reader-1")
    if with then reader:kill_at{ event = c:events(reader) + 5 } end
    c:sleep("20s")
    return reader:up()
  end)
end

local function replacing(row)
  local function replaced(name, yes, no, options, see)
    row("n:replace " .. name, yes, no, function(c, with)
      local reader = c:node("reader-1")
      local paths, all = flushed(c), { identity = "stable" }
      for key, value in pairs(with and options or {}) do all[key] = value end
      local node = reader:replace(all)
      c:sleep("15s")
      return see(c, node, paths)
    end)
  end
  row("n:replace", "10.0.0.4:9100", "10.0.0.2:9100", function(c, with)
    local reader = c:node("reader-1")
    if with then reader:replace{ identity = "stable" } end
    c:sleep("5s")
    return reader.addr
  end)
  replaced("identity", "reader-3", "reader-1", { identity = "new" }, function(c, node) return node.id end)
  replaced("volume", 1, 2, { volume = "keep" }, function(c, node) return node:stats().pulled end)
  row("n:replace grace", false, true, function(c, with)
    return says_goodbye(c, function(reader) reader:replace{ grace = with and 0 or "30s" } end)
  end)
  replaced("address", "10.0.0.2:9100", "10.0.0.4:9100", { address = "keep" }, function(c, node) return node.addr end)
  replaced("release", "arc", "current", { release = "arc" }, function(c, node) return node.release end)
  replaced("config", 0, 1, { config = { replication_catchup_enabled = false } }, function(c, node)
    return math.min(1, node:stats().catchup_started_at)
  end)
end

local function seeing(row)
  row("n:ready", false, true, function(c, with)
    local reader = c:node("reader-1")
    if with then reader:kill() end
    return reader:ready()
  end)
  row("n:status", 3, 0, function(c, with)
    if with then flushed(c, { files = 3, bytes = 100 }) end
    return c:node("reader-1"):status().pulled
  end)
  row("n:stats", 3, 0, function(c, with)
    if with then flushed(c, { files = 3, bytes = 100 }) end
    return c:node("reader-1"):stats().pulled
  end)
  row("n:has", false, true, function(c, with)
    local paths = flushed(c)
    if with then c:node("reader-1"):corrupt(paths[1]) end
    return c:node("reader-1"):has(paths[1])
  end)
  row("n:sha256", false, true, function(c, with)
    local paths = flushed(c)
    if with then c:node("reader-1"):corrupt(paths[1]) end
    return c:node("reader-1"):sha256(paths[1]) == c:manifest()[1].sha256
  end)
  row("n:holds_all", false, true, function(c, with)
    local paths = flushed(c)
    if with then c:node("reader-1"):remove(paths[1]) end
    return c:node("reader-1"):holds_all()
  end)
  row("n:files", 2, 0, function(c, with)
    if with then flushed(c, { files = 2, bytes = 100 }) end
    return #c:node("reader-1"):files()
  end)
  row("n:query", 1, 0, function(c, with)
    local reader, paths = c:node("reader-1"), flushed(c)
    if with then
      -- A lost file is what a query misses; the checkers are told that the disk lost it.
      reader:remove(paths[1])
    end
    return reader:query().missing
  end)
  row("n:query prefix", 0, 1, function(c, with)
    local reader, paths = c:node("reader-1"), flushed(c)
    reader:remove(paths[1])
    return reader:query(only(with, { prefix = "other/" })).missing
  end)
end

local function changing(row)
  row("n:flush", 1, 0, function(c, with)
    if with then c:node("writer-1"):flush{ bytes = 10 } c:settle("1m") end
    return #c:manifest()
  end)
  row("n:rewrite", false, true, function(c, with)
    local writer, paths = c:node("writer-1"), flushed(c)
    local before = writer:sha256(paths[1])
    if with then writer:rewrite(paths[1]) end
    c:settle("1m")
    return c:manifest()[1].sha256 == before
  end)
  row("n:rewrite bytes", 5, 10240, function(c, with)
    local writer, paths = c:node("writer-1"), flushed(c)
    writer:rewrite(paths[1], only(with, { bytes = 5 }))
    c:settle("1m")
    return c:manifest()[1].size_bytes
  end)
  row("n:propose", 0, 1, function(c, with)
    local writer, path = c:node("writer-1"), flushed(c)[1]
    if with then writer:propose{ type = "DeleteFile", path = path } end
    return #c:manifest()
  end)
  row("n:put", 1, 0, function(c, with)
    local reader = c:node("reader-1")
    if with then reader:put("db/extra.parquet", 10) end
    return #reader:files()
  end)
  row("n:remove", 0, 1, function(c, with)
    local reader, paths = c:node("reader-1"), flushed(c)
    if with then reader:remove(paths[1]) end
    return #reader:files()
  end)
  row("n:scrub", true, false, function(c, with)
    local reader, paths = c:node("reader-1"), flushed(c)
    reader:corrupt(paths[1])
    if with then reader:scrub() end
    c:sleep("5s")
    return reader:has(paths[1])
  end)
  row("n:corrupt", 1, 0, function(c, with)
    return pulls_again(c, c:node("reader-1"), function(reader)
      if with then reader:corrupt(c:manifest()[1].path) end
      reader:restart()
    end)
  end)
  for _, kind in ipairs{ "flip", "truncate", "zero", "swap" } do
    row("n:corrupt " .. kind, false, true, function(c, with)
      local reader, path = c:node("reader-1"), flushed(c)[1]
      if with then reader:corrupt(path, { kind = kind }) end
      return reader:has(path)
    end)
  end
end

local function clock(row)
  -- Beyond the window of five minutes its requests are refused.
  local function misses(name, options)
    row("n:clock" .. name, false, true, function(c, with)
      local reader = c:node("reader-1")
      if with then reader:clock(options) end
      c:sleep("1s")
      local paths = c:flush{ bytes = "10KiB" }
      c:sleep("5s")
      return reader:has(paths[1])
    end, { cluster = { readers = 1 } })
  end
  misses("", { skew = "-6m", jump = 0 })
  misses(" skew", { skew = "6m" })
  misses(" jump", { jump = "10m" })
  row("n:clock drift_ppm", true, false, function(c, with)
    local reader = c:node("reader-1")
    if with then reader:clock{ drift_ppm = 100000 } end
    c:sleep("2m")
    for _, node in ipairs(c:readers()) do node:restart() end
    c:sleep("5s")
    return reader:status().started_at > c:node("reader-2"):status().started_at
  end)
end

local function disks(row)
  -- Does a file arrive while the fault is set?
  local function blocks(key, value, id)
    row("n:disk " .. key, false, true, function(c, with)
      local paths
      if with then c:node(id):disk{ [key] = value } end
      if id == "writer-1" then
        c:node(id):disk{}
        paths = c:flush{ bytes = "100KiB" }
        if with then c:node(id):disk{ [key] = value } end
      else
        paths = c:flush{ bytes = "100KiB" }
      end
      c:sleep("3s")
      return c:node("reader-1"):has(paths[1])
    end, { cluster = { readers = 1 } })
  end
  blocks("full", true, "reader-1")
  blocks("free", "50KiB", "reader-1")
  blocks("slow", "5s", "reader-1")
  blocks("stuck", "1m", "reader-1")
  blocks("read_error", 1, "writer-1")
  blocks("write_error", 1, "reader-1")
  blocks("sync_error", 1, "reader-1")
  row("n:disk short_write", true, false, function(c, with)
    local reader = c:node("reader-1")
    flushed(c, { bytes = "200KiB" })
    local from = c:events(reader)
    if with then reader:disk{ short_write = 1 } end
    flushed(c, { bytes = "200KiB" })
    return c:events(reader) - from > 18
  end)
  row("n:disk stat_error", true, false, function(c, with)
    return pulls_again(c, c:node("reader-1"), function(reader)
      if with then reader:disk{ stat_error = 1 } end
      reader:restart{ down = "1s" }
    end) > 0
  end)
  row("n:disk list_error", true, false, function(c, with)
    local reader = c:node("reader-1")
    flushed(c)
    if with then reader:disk{ list_error = 1 } end
    return c:reconcile(reader).errors > 0
  end, { cluster = { config = { ["reconciliation.enabled"] = true } } })
  row("n:disk lie_about_sync", false, true, function(c, with)
    local reader = c:node("reader-1")
    if with then reader:disk{ lie_about_sync = true } end
    local paths = flushed(c)
    reader:kill{ host = true }
    return reader:has(paths[1])
  end)
  row("n:disk lose_unsynced", false, true, function(c, with)
    local reader = c:node("reader-1")
    reader:disk{ lie_about_sync = true, lose_unsynced = with }
    local paths = flushed(c)
    reader:kill{ host = false }
    return reader:has(paths[1])
  end)
  -- Power is lost: what arc published and never synced is gone, or half there under its name.
  row("n:disk torn", true, false, function(c, with)
    local reader = c:node("reader-1")
    local path = flushed(c)[1]
    if with then reader:disk{ torn = 1 } end
    reader:kill{ host = true }
    return reader:sha256(path) ~= nil and not reader:has(path)
  end, { cluster = { readers = 1, release = "arc" } })
  row("n:disk no_append", 0, 1, function(c, with)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    if with then reader:disk{ no_append = true } end
    writer:hostile{ kind = "short-body", after_bytes = "100KiB", for_ = "200ms" }
    c:flush{ bytes = "300KiB" }
    c:sleep("30s")
    return math.min(1, reader:stats().resumed)
  end, { cluster = { readers = 1, release = "arc" } })
end

return function(row)
  life(row) replacing(row) seeing(row) changing(row) clock(row) disks(row)
end
