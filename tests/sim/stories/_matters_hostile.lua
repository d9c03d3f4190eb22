-- Rows of matters.lua: hostile peers and attackers.
local one = { cluster = { readers = 1 } }

local function only(with, options) return with and options or {} end

local function arrives(c, within, bytes)
  local paths = c:flush{ bytes = bytes or "10KiB" }
  c:sleep(within or "3s")
  return c:node("reader-1"):has(paths[1])
end

local kinds = {
  "corrupt-body", "self-consistent-forgery", "short-body", "wrong-hash", "wrong-size",
  "negative-size", "huge-size", "wrong-offset", "stall", "slow-drip", "garbage-frame", "huge-frame",
  "zero-frame", "wrong-type", "malformed-json", "not-found-lie", "manifest-lie", "auth-lie",
  "bad-offset-lie", "legacy-error-near-miss", "close-early", "reset", "never-ack",
}

local function hostile(row)
  -- What comes after the announced body is nobody's: it only ends the connection.
  row("n:hostile long-body", true, false, function(c, with)
    if with then c:node("writer-1"):hostile{ kind = "long-body", after_bytes = 100 } end
    arrives(c)
    return c:node("reader-1"):stats().checksum_mismatch > 0
  end, one)
  for _, kind in ipairs(kinds) do
    row("n:hostile " .. kind, false, true, function(c, with)
      if with then c:node("writer-1"):hostile{ kind = kind } end
      return arrives(c)
    end, one)
  end
  row("n:hostile", true, false, function(c, with)
    local writer = c:node("writer-1")
    writer:hostile{ kind = "stall" }
    if with then writer:hostile(nil) end
    return arrives(c)
  end, one)
  row("n:hostile p", true, false, function(c, with)
    c:node("writer-1"):hostile{ kind = "stall", p = with and 0 or 1 }
    return arrives(c)
  end, one)
  row("n:hostile for_", true, false, function(c, with)
    c:node("writer-1"):hostile{ kind = "not-found-lie", for_ = with and "1s" or nil }
    return arrives(c, "30s")
  end, one)
  row("n:hostile paths", true, false, function(c, with)
    c:node("writer-1"):hostile{ kind = "stall", paths = with and { "db/other.parquet" } or "db/" }
    return arrives(c)
  end, one)
  row("n:hostile after_bytes", true, false, function(c, with)
    local reader = c:node("reader-1")
    c:node("writer-1"):hostile{ kind = "close-early", after_bytes = with and "90KiB" or 0 }
    c:flush{ bytes = "100KiB" }
    c:sleep("3s")
    return reader:stats().body_bytes >= 90 * 1024
  end, one)
end

-- An attacker between writer and reader, or nowhere.
local function between(c) return c:attacker{ on_path = { "writer-1", "reader-1" } } end

local function captured(c, a)
  local cap
  c:go(function() cap = a:capture{ type = "FetchFile" } end)
  c:flush{ path = "db/first.parquet", bytes = "10KiB" }
  c:settle("1m")
  return cap
end

local function active(row)
  local lost = { type = "FetchFile", fields = { path = "db/none.parquet" } }
  row("a:tamper", false, true, function(c, with)
    local a = between(c)
    if with then a:tamper(lost) end
    return arrives(c, "1s")
  end, one)
  local function spared(call, name, options)
    row("a:" .. call .. " " .. name, true, false, function(c, with)
      local all = call == "tamper" and { type = "FetchFile", fields = lost.fields } or { type = "FetchFile" }
      for key, value in pairs(only(with, options)) do all[key] = value end
      local a = between(c)
      a[call](a, all)
      return arrives(c, "1s")
    end, one)
  end
  for _, call in ipairs{ "tamper", "drop" } do
    spared(call, "from", { from = "writer-1" })
    spared(call, "to", { to = "reader-1" })
    spared(call, "match", { match = function(fields) return fields.path == "another" end })
    spared(call, "p", { p = 0 })
  end
  spared("tamper", "type", { type = "LeaveNotify", fields = { reason = "x" } })
  spared("drop", "type", { type = "LeaveNotify" })
  for _, call in ipairs{ "tamper", "drop" } do
    row("a:" .. call .. " for_", true, false, function(c, with)
      local a = between(c)
      a[call](a, { type = "FetchFile", fields = call == "tamper" and lost.fields or nil,
        for_ = with and "1s" or nil })
      c:sleep("2s")
      return arrives(c, "1s")
    end, one)
  end
  row("a:drop", false, true, function(c, with)
    local a = between(c)
    if with then a:drop{ type = "FetchFile" } end
    return arrives(c, "1s")
  end, one)
  row("a:stop", true, false, function(c, with)
    local a = between(c)
    a:drop{ type = "FetchFile" }
    if with then a:stop() end
    return arrives(c, "1s")
  end, one)
end

local function watching(row)
  row("c:attacker", "error", nil, function(c, with)
    local reply = with and c:attacker():send("writer-1", { type = "FetchFile", path = "x", node_id = "reader-1",
      nonce = "n", timestamp = 0, hmac = "" })
    return reply and reply.status or nil
  end, one)
  row("c:attacker on_path", "FetchFile", nil, function(c, with)
    local a, cap = c:attacker{ on_path = with and { "writer-1", "reader-1" } or { "writer-1", "reader-2" } }, nil
    c:go(function() cap = a:capture{ type = "FetchFile", to = "writer-1", from = "reader-1" } end)
    arrives(c)
    return cap and cap.type
  end)
  row("a:capture", "db/first.parquet", nil, function(c, with)
    local cap = with and captured(c, between(c))
    return cap and cap.fields.path or nil
  end, one)
  row("a:capture from", "writer-1", "reader-1", function(c, with)
    local a, cap = between(c), nil
    c:go(function() cap = a:capture{ type = "Heartbeat", from = with and "writer-1" or "reader-1" } end)
    c:sleep("20s")
    return cap.from
  end, one)
  row("a:capture to", "reader-1", "writer-1", function(c, with)
    local a, cap = between(c), nil
    c:go(function() cap = a:capture{ type = "Heartbeat", to = with and "reader-1" or "writer-1" } end)
    c:sleep("20s")
    return cap.to
  end, one)
  row("a:capture type", "FetchFile", "Heartbeat", function(c, with)
    local a, cap = between(c), nil
    c:go(function() cap = a:capture{ type = with and "FetchFile" or "Heartbeat" } end)
    arrives(c, "20s")
    return cap.type
  end, one)
  row("a:send", "error", nil, function(c, with)
    local reply = with and c:attacker{}:send("writer-1", { type = "JoinRequest", node_id = "x" })
    return reply and reply.status or nil
  end, one)
  -- The one nonce of phase3 may be used again and again.
  local older = { cluster = { readers = 2, release = "phase3" } }
  row("a:replay", 10240, 0, function(c, with)
    local a = between(c)
    local cap = captured(c, a)
    local reply = with and a:replay(cap)
    return reply and reply.body_bytes or 0
  end, { cluster = older.cluster, violates = "no-replay" })
  row("a:replay to", true, false, function(c, with)
    local a = between(c)
    local cap = captured(c, a)
    local before = c:events("reader-1")
    a:replay(cap, only(with, { to = "reader-1" }))
    return c:events("reader-1") > before
  end)
  row("a:replay after", true, false, function(c, with)
    local a = between(c)
    local cap, from = captured(c, a), c:now()
    a:replay(cap, only(with, { after = "5s" }))
    return c:now() - from >= 5
  end)
  -- Another path than the one that was signed.
  row("a:replay fields", "auth", nil, function(c, with)
    local a = between(c)
    local cap = captured(c, a)
    if not with then return nil end
    return a:replay(cap, { fields = { path = "db/other.parquet" } }).code
  end, older)
end

local function floods(row)
  local function events(c, options)
    if options then c:attacker{}:flood("writer-1", options) end
    local from = c:events("writer-1")
    c:sleep("5s")
    return c:events("writer-1") - from
  end
  row("a:flood", true, false, function(c, with)
    local seen = events(c, with and {} or nil)
    return seen > 150
  end, one)
  row("a:flood rate", true, false, function(c, with)
    local seen = events(c, { connections = 1000, rate = with and 200 or 5 })
    return seen > 250
  end, one)
  row("a:flood connections", true, false, function(c, with)
    local seen = events(c, { connections = with and 1 or 1000, rate = 100 })
    return seen < 150
  end, one)
  for _, kind in ipairs{ "garbage", "slow-frame" } do
    row("a:flood " .. kind, true, false, function(c, with)
      local seen = events(c, { connections = 50, rate = 20, kind = with and kind or "connect" })
      return seen > 200
    end, one)
  end
end

return function(row)
  hostile(row) active(row) watching(row) floods(row)
end
