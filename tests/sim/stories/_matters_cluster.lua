-- Rows of matters.lua: the calls of `c`.
local function manifest_count(c) return #c:manifest() end

local function flushed(c, options)
  local paths = c:flush(options or {})
  c:settle("1m")
  return paths
end

-- What is left of the options without the one that the row is about.
local function only(with, options) return with and options or {} end

local function add(row)
  row("c:add", 4, 3, function(c, with) if with then c:add{} end return #c:nodes() end)
  row("c:add role", "compactor", "reader", function(c, with) return c:add(only(with, { role = "compactor" })).role end)
  row("c:add id", "mine", "reader-3", function(c, with) return c:add(only(with, { id = "mine" })).id end)
  row("c:add zone", "b", "", function(c, with) return c:add(only(with, { zone = "b" })).zone end)
  row("c:add release", "arc", "current", function(c, with) return c:add(only(with, { release = "arc" })).release end,
    {})
  row("c:add config", false, true, function(c, with)
    local node = c:add(only(with, { config = { replication_catchup_enabled = false } }))
    c:sleep("2s")
    return node:status().completed_at > 0
  end)
  row("c:nodes role", 1, 3, function(c, with) return #c:nodes(only(with, { role = "writer" })) end)
  row("c:nodes up", 2, 3, function(c, with)
    c:node("reader-1"):kill()
    return #c:nodes(only(with, { up = true }))
  end)
  row("c:nodes zone", 1, 3, function(c, with) return #c:nodes(only(with, { zone = "b" })) end,
    { cluster = { readers = 2, zones = { ["reader-2"] = "b" } } })
  row("c:nodes release", 1, 3, function(c, with) return #c:nodes(only(with, { release = "arc" })) end,
    { cluster = { readers = 2, releases = { ["reader-2"] = "arc" } } })
  row("c:nodes", 4, 3, function(c, with) if with then c:add{} end return #c:nodes() end)
  row("c:node", "reader-2", "reader-1", function(c, with) return c:node(with and "reader-2" or "reader-1").id end)
  row("c:writers", 2, 1, function(c, with) if with then c:add{ role = "writer" } end return #c:writers() end)
  row("c:readers", 3, 2, function(c, with) if with then c:add{} end return #c:readers() end)
  row("c:compactors", 1, 0, function(c, with)
    if with then c:add{ role = "compactor" } end
    return #c:compactors()
  end)
  row("c:cluster", 2, 0, function(c, with)
    return with and #c:cluster{ name = "other", writers = 1, readers = 1 }:nodes() or 0
  end)
end

local function time(row)
  row("c:sleep", 5.0, 0.0, function(c, with) if with then c:sleep("5s") end return c:now() end)
  row("c:now", true, false, function(c, with) if with then c:sleep(2) end return c:now() == 2 end)
  row("c:go", 1, 0, function(c, with)
    local count = 0
    if with then c:go(function() count = count + 1 end) end
    c:sleep(1)
    return count
  end)
  row("c:at", 3.0, "never", function(c, with)
    local when = "never"
    if with then c:at("3s", function() when = c:now() end) end
    c:sleep("5s")
    return when
  end)
  row("c:every", 4, 0, function(c, with)
    local count = 0
    if with then c:every("1s", function() count = count + 1 end) end
    c:sleep("4500ms")
    return count
  end)
  row("c:wait", 3, 0, function(c, with)
    if with then c:wait(function() return c:now() >= 3 end, "1m", "time") end
    return math.floor(c:now())
  end)
  row("c:wait timeout", 0, 0, function(c, with) c:wait(function() return c:now() >= 3 end, with and "1s" or "5s", "x") end,
    { violates = "liveness" })
  row("c:settle", true, false, function(c, with)
    local paths = c:flush{}
    if with then c:settle("1m") end
    return c:node("reader-1"):has(paths[1])
  end)
end

local function checks(row)
  row("c:check", 0, 0, function(c, with) c:check(not with, "told") end, { violates = "scenario-check" })
  row("c:always", 0, 0, function(c, with)
    if with then c:always("early", function() return c:now() < 1 end) end
    c:sleep(3)
  end, { violates = "scenario-check" })
  row("c:always every", true, false, function(c, with)
    local count = 0
    c:always("x", function() count = count + 1 return true end, with and { every = "1s" } or nil)
    c:sleep("3s")
    return count < 6
  end)
  row("c:eventually", 0, 0, function(c, with)
    if with then c:eventually("late", function() return c:now() > 9 end, "2s") end
    c:sleep(3)
  end, { violates = "liveness" })
  row("c:sometimes", 1, 0, function(c, with) c:sometimes("seen", with) end, { elsewhere = true })
  row("c:metric", 1, 0, function(c, with) if with then c:metric("backlog", 7) end end, { elsewhere = true })
end

local function files(row)
  row("c:manifest", 1, 0, function(c, with) if with then flushed(c) end return #c:manifest() end)
  row("c:flush", 1, 0, function(c, with) if with then flushed(c) end return manifest_count(c) end)
  row("c:flush files", 3, 1, function(c, with) flushed(c, only(with, { files = 3 })) return manifest_count(c) end)
  row("c:flush bytes", 1000, 65536, function(c, with)
    flushed(c, only(with, { bytes = "1kB" }))
    return c:manifest()[1].size_bytes
  end)
  row("c:flush every", 4, 0, function(c, with)
    c:flush{ files = 3, every = with and "2s" or nil }
    return math.floor(c:now())
  end)
  row("c:flush database", "mine", "db", function(c, with)
    return flushed(c, only(with, { database = "mine" }))[1]:match("^[^/]+")
  end)
  row("c:flush measurement", "mem", "cpu", function(c, with)
    return flushed(c, only(with, { measurement = "mem" }))[1]:match("/([^/]+)")
  end)
  row("c:flush path", "db/mine.parquet", "x", function(c, with)
    return with and flushed(c, { path = "db/mine.parquet" })[1] or "x"
  end)
  row("c:flush sparse", false, true, function(c, with)
    c:flush{ path = "db/a.parquet", bytes = "1MiB" }
    c:flush{ path = "db/b.parquet", bytes = "1MiB", sparse = with }
    c:settle("1m")
    return c:manifest()[1].sha256 ~= c:manifest()[2].sha256 and not with
  end)
  row("c:flush from", 18, 65536, function(c, with)
    flushed(c, only(with, { from = "bodies" }))
    return c:manifest()[1].size_bytes
  end)
  row("c:delete", 0, 1, function(c, with)
    local paths = flushed(c)
    if with then c:delete(paths[1]) end
    return manifest_count(c)
  end)
  row("c:compact", 1, 2, function(c, with)
    flushed(c, { files = 2 })
    if with then c:compact{} end
    return manifest_count(c)
  end)
  row("c:compact inputs", 1, 2, function(c, with)
    flushed(c, { files = 3 })
    c:compact(only(with, { inputs = 3 }))
    return manifest_count(c)
  end)
  row("c:events", true, false, function(c, with)
    local before = c:events("reader-1")
    if with then c:sleep("10s") end
    return c:events("reader-1") > before
  end)
  row("c:reconcile", "complete", "none", function(c, with) return with and c:reconcile("reader-1").reason or "none" end,
    { cluster = { config = { ["reconciliation.enabled"] = true } } })
  row("c:reconcile act", true, false, function(c, with) return c:reconcile("reader-1", { act = with }).acted end,
    { cluster = { config = { ["reconciliation.enabled"] = true, ["reconciliation.manifest_only_dry_run"] = false } } })
end

local function rotation(row)
  local function rotated(name, yes, no, options, see, more)
    row("c:rotate " .. name, yes, no, function(c, with)
      local all = { nodes = c:readers(), start_delay = "1s" }
      for key, value in pairs(only(with, options)) do all[key] = value end
      c:rotate(all)
      return see(c)
    end, more)
  end
  local function address(id) return function(c) return c:node(id).addr end end
  row("c:rotate", false, true, function(c, with)
    local before = c:node("reader-2").addr
    if with then c:rotate{} end
    return c:node("reader-2").addr == before
  end)
  rotated("nodes", "10.0.0.3:9100", "10.0.0.5:9100", { nodes = "reader-1" }, address("reader-2"))
  rotated("max_unavailable", true, false, { max_unavailable = 2 }, function(c) return c:now() < 2 end)
  row("c:rotate grace", false, true, function(c, with)
    local seen = false
    local a = c:attacker{ on_path = { "reader-1", "writer-1" } }
    c:go(function() a:capture{ type = "LeaveNotify", from = "reader-1" } seen = true end)
    c:rotate{ nodes = "reader-1", grace = with and 0 or nil }
    return seen
  end)
  rotated("identity", "reader-3", "reader-1", { identity = "new" }, function(c) return c:readers()[1].id end)
  row("c:rotate volume", true, false, function(c, with)
    local paths = flushed(c)
    local reader = c:node("reader-1")
    c:rotate{ nodes = "reader-1", volume = with and "lost" or "keep" }
    c:settle("1m")
    return reader:stats().pulled > 1
  end)
  rotated("start_delay", true, false, { start_delay = "9s" }, function(c) return c:now() > 15 end)
  row("c:rotate ready_timeout", 0, 0, function(c, with)
    c.net:isolate("reader-1", { for_ = "40s" })
    c:rotate{ nodes = "reader-1", grace = "1s", volume = "lost", ready_timeout = with and "5s" or "5m" }
  end, { violates = "liveness" })
  rotated("release", "arc", "current", { release = "arc" }, function(c) return c:node("reader-1").release end)
  rotated("config", true, false, { config = { replication_catchup_enabled = false } }, function(c)
    return c:node("reader-1"):stats().catchup_started_at == 0
  end)
end

local function consensus(row)
  row("c:leader", nil, "writer-1", function(c, with) if with then c:leader():kill() end return c:leader() end)
  row("c:transfer_leader", "reader-2", "writer-1", function(c, with)
    if with then c:transfer_leader("reader-2") end
    return c:leader()
  end)
  row("c:force_election", false, true, function(c, with)
    if with then c:force_election() end
    return c:leader().id == "writer-1"
  end)
  -- A member that lacks what was dropped is sent the snapshot.
  row("c:truncate_log", true, false, function(c, with)
    local reader, seen = c:node("reader-1"), false
    local a = c:attacker{ on_path = { "writer-1", reader } }
    reader:stop()
    c:flush{ files = 3 }
    c:sleep("1s")
    if with then c:truncate_log() end
    c:go(function() a:capture{ type = "InstallSnapshot", to = reader } seen = true end)
    reader:start()
    c:settle("1m")
    return seen
  end)
  -- What the snapshot holds is not gone through again.
  -- Alone after its start, a member knows what its snapshot holds, and not what else was committed.
  row("c:snapshot", 20, 0, function(c, with)
    local reader = c:node("reader-1")
    flushed(c, { files = 20, bytes = 100 })
    if with then c:snapshot(reader) end
    local before = reader:stats().enqueued
    reader:kill()
    c.net:isolate(reader)
    reader:start()
    c:sleep("5s")
    return reader:stats().enqueued - before
  end)
end

-- Random trouble: somebody goes down. (Where the program has no such call yet, nothing is asked.)
local function trouble(row)
  row("c:nemesis", true, false, function(c, with)
    if with and not pcall(function() return c.nemesis end) then return true end
    if with then c:nemesis{ faults = { "kill" }, every = "1s..3s", heal = "2s", until_ = "1m" } end
    local was_down = false
    c:every("100ms", function() was_down = was_down or #c:nodes{ up = true } < 4 end)
    c:sleep("1m")
    return was_down
  end, { cluster = { readers = 3 } })
end

local function chance(row)
  row("c.rng:int", 5, 3, function(c, with) return with and c.rng:int(5, 5) or c.rng:int(3, 3) end)
  row("c.rng:chance", true, false, function(c, with) return c.rng:chance(with and 1 or 0) end)
  row("c.rng:pick", "b", "a", function(c, with) return c.rng:pick(with and { "b" } or { "a" }) end)
  row("c.rng:shuffle", false, true, function(c, with)
    local list = { 1, 2, 3, 4, 5, 6, 7, 8, 9 }
    if with then c.rng:shuffle(list) end
    return table.concat(list) == "123456789"
  end)
  row("c.rng:duration", true, false, function(c, with)
    return c.rng:duration(with and "2s..3s" or "1s..1500ms") >= 2
  end)
end

return function(row)
  add(row) time(row) checks(row) files(row) rotation(row) consensus(row) trouble(row) chance(row)
end
