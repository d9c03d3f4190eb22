-- c.net, one call at a time: what it changes, and that healing undoes it.
local stories = {}

local number = 0
local function flush(c, bytes)
  number = number + 1
  return c:flush{ path = "db/file-" .. number .. ".parquet", bytes = bytes or "100KiB" }[1]
end

local function seconds(c, bytes)
  local from = c:now()
  flush(c, bytes)
  c:settle("5m")
  return c:now() - from
end

-- It takes at least so much longer while the fault is on, and no longer afterwards.
local function slows(least, set, bytes)
  return function(c)
    seconds(c, bytes)
    local before = seconds(c, bytes)
    set(c, c:node("writer-1"), c:node("reader-1"))
    local during = seconds(c, bytes)
    c.net:heal()
    c:sleep("30s")
    c:settle("5m")
    local after = seconds(c, bytes)
    c:check(during >= before + least, before .. " s before, " .. during .. " s with it")
    c:check(after < before + least, "healing did not end it: " .. after .. " s")
  end
end

stories.latency = slows(0.5, function(c, w, r) c.net:link(w, r, { latency = "200ms" }) end)
stories.jitter = slows(0.05, function(c, w, r) c.net:link(w, r, { jitter = "100ms..200ms" }) end)
stories.bandwidth = slows(0.5, function(c, w, r) c.net:link(w, r, { bandwidth = "1Mbit/s" }) end)
stories.loss = slows(1, function(c, w, r) c.net:link(w, r, { loss = 0.5 }) end, "3MiB")
stories.stall = slows(3, function(c, w, r) c.net:link(w, r, { stall = "4s" }) end)
stories.late = slows(1.5, function(c, w, r) c.net:late(w, r, "500ms") end)
stories.partition = slows(5, function(c, w, r) c.net:partition(w, r, { for_ = "6s" }) end)
stories.oneway = slows(5, function(c, w, r) c.net:partition(w, r, { oneway = true, for_ = "6s" }) end)
stories.isolate = slows(5, function(c, w, r) c.net:isolate(r, { for_ = "6s" }) end)

-- Nothing is fetched while the fault is on.
local function blocks(set)
  return function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    seconds(c)
    set(c, writer, reader)
    local path = flush(c)
    c:sleep("6s")
    c:check(not reader:has(path), "the fault changed nothing")
    c.net:heal()
    c:settle("5m")
  end
end

stories.refuse = blocks(function(c, w) c.net:refuse(w) end)
stories.blackhole = blocks(function(c, w) c.net:blackhole(w) end)
stories.reset = blocks(function(c, w, r) c.net:link(w, r, { reset = 1 }) end)
stories.corrupt = blocks(function(c, w, r) c.net:link(w, r, { corrupt = 1 }) end)

-- Bytes in other pieces: more of them, and the same files.
function stories.segment(c)
  local reader = c:node("reader-1")
  local function events(set)
    set()
    local from = c:events(reader)
    seconds(c, 5000)
    return c:events(reader) - from
  end
  local whole = events(function() end)
  local single = events(function() c.net:segment("writer-1", reader, { sizes = { 1 } }) end)
  local sized = events(function() c.net:segment("writer-1", reader, { sizes = { 100, 7 } }) end)
  c:check(single > whole + 4000, single .. " events for single bytes, " .. whole .. " for pieces")
  c:check(sized > whole and sized < single, sized .. " events at given sizes")
  c.net:heal()
  c:check(events(function() end) < whole + 50, "healing did not end it")
end

-- Twice as many consensus messages, and the log is the same.
function stories.duplicate(c)
  local reader = c:node("reader-1")
  local function events()
    local from = c:events(reader)
    c:sleep("20s")
    return c:events(reader) - from
  end
  local once = events()
  c.net:link("all", "all", { duplicate = 1 })
  local twice = events()
  c:check(twice > once + once / 3, twice .. " events with duplicates, " .. once .. " without")
  seconds(c)
end

-- While names are stale, the service sends who joins to addresses that nobody has any more.
function stories.stale_dns(c)
  local function joins()
    for _, node in ipairs(c:nodes()) do
      node:replace{ identity = "stable", volume = "keep", grace = "5s" }
      c:sleep("8s")
    end
    local from = c:now()
    local fresh = c:add{ role = "reader" }
    c:wait(function() return fresh:ready() end, "10m", "the new reader is ready")
    return c:now() - from
  end
  local fresh = joins()
  c.net:stale_dns("2m")
  local stale = joins()
  c:check(stale > fresh + 20, fresh .. " s with fresh names, " .. stale .. " s with stale ones")
  c.net:heal()
  local again = joins()
  c:check(again < fresh + 20, "healing did not end it: " .. again .. " s")
end

-- The address of a replaced pod belongs to the next one: whoever remembers it finds somebody else.
function stories.reuse(c)
  local one, two = c:node("reader-1"), c:node("reader-2")
  local function replace(node)
    node:replace{ identity = "stable", volume = "keep", grace = "5s" }
    c:sleep("1s")
    c:wait(function() return node:ready() end, "5m", node.id .. " is back")
  end
  c.net:stale_dns("1m", { reuse = true })
  local old = one.addr
  replace(one)
  c:check(one.addr ~= old, "a pod got its own address again")
  replace(two)
  c:check(two.addr == old, "the old address is nobody's")
  seconds(c)
  c.net:stale_dns("1m")
  old = one.addr
  replace(one)
  replace(two)
  c:check(two.addr ~= old, "addresses are still used again")
  seconds(c)
end

return {
  name = "network",
  about = "Each call of c.net changes what it should, and healing undoes it.",
  params = { story = "latency", readers = 1 },
  cluster = function(params) return { writers = 1, readers = params.readers } end,
  run = function(c) stories[c.params.story](c) end,
}
