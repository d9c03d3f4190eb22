-- Rows of matters.lua: the calls of `c.net`.
local one = { cluster = { readers = 1 } }

local function only(with, options) return with and options or {} end

-- Does a file come to the reader within that time while it is so?
local function arrives(c, within, bytes)
  local paths = c:flush{ bytes = bytes or "10KiB" }
  c:sleep(within or "3s")
  return c:node("reader-1"):has(paths[1])
end

-- How long does it take?
local function seconds(c, bytes)
  local from = c:now()
  c:flush{ bytes = bytes or "10KiB" }
  c:settle("5m")
  return c:now() - from
end

local function cuts(row)
  local function cut(name, fn, more)
    row("c.net:" .. name, false, true, function(c, with)
      if with then fn(c, c:node("writer-1"), c:node("reader-1")) end
      return arrives(c, "3s")
    end, more or one)
  end
  cut("partition", function(c, writer, reader) c.net:partition(writer, reader) end)
  cut("isolate", function(c, _, reader) c.net:isolate(reader) end)
  cut("refuse", function(c, writer) c.net:refuse(writer) end)
  cut("blackhole", function(c, writer) c.net:blackhole(writer) end)
  row("c.net:partition for_", true, false, function(c, with)
    c.net:partition("writer-1", "reader-1", only(with, { for_ = "1s" }))
    return arrives(c, "20s")
  end, one)
  row("c.net:isolate for_", true, false, function(c, with)
    c.net:isolate("reader-1", only(with, { for_ = "1s" }))
    return arrives(c, "20s")
  end, one)
  -- What the writer says by datagrams still comes.
  row("c.net:partition oneway", true, false, function(c, with)
    local reader = c:node("reader-1")
    c.net:partition(reader, "all", only(with, { oneway = true }))
    local before = c:events(reader)
    c:sleep("10s")
    return c:events(reader) - before > 150
  end)
  row("c.net:heal", true, false, function(c, with)
    c.net:isolate("reader-1")
    if with then c.net:heal() end
    return arrives(c, "20s")
  end, one)
end

local function links(row)
  local function slower(name, options, more_than, bytes)
    row("c.net:link " .. name, true, false, function(c, with)
      if with then c.net:link("writer-1", "reader-1", options) end
      return seconds(c, bytes) > more_than
    end, one)
  end
  row("c.net:link", true, false, function(c, with)
    if with then c.net:link("all", "all", { latency = "500ms" }) end
    return seconds(c) > 1
  end, one)
  slower("latency", { latency = "500ms" }, 1)
  slower("jitter", { jitter = "900ms" }, 0.5)
  slower("loss", { loss = 0.4 }, 0.5, "300KiB")
  slower("bandwidth", { bandwidth = "100KiB/s" }, 1, "300KiB")
  slower("stall", { stall = "5s" }, 4)
  row("c.net:link reset", false, true, function(c, with)
    if with then c.net:link("writer-1", "reader-1", { reset = 1 }) end
    return arrives(c)
  end, one)
  row("c.net:link corrupt", false, true, function(c, with)
    if with then c.net:link("writer-1", "reader-1", { corrupt = 1 }) end
    return arrives(c)
  end, one)
  row("c.net:link oneway", true, false, function(c, with)
    c.net:link("writer-1", "reader-1", { latency = "200ms", oneway = with })
    return seconds(c) < 1
  end, one)
  -- Both act on datagrams: consensus messages.
  row("c.net:link duplicate", true, false, function(c, with)
    if with then c.net:link("all", "all", { duplicate = 1 }) end
    local before = c:events("reader-1")
    c:sleep("20s")
    return c:events("reader-1") - before > 500
  end, one)
  row("c.net:link reorder", true, false, function(c, with)
    c.net:link("all", "all", { latency = "50ms", reorder = with and 1 or 0 })
    return seconds(c) > 0.5
  end, one)
  row("c.net:late", true, false, function(c, with)
    if with then c.net:late("writer-1", "reader-1", "300ms") end
    return seconds(c) > 0.9
  end, one)
end

local function streams(row)
  local function events(c, bytes)
    local reader = c:node("reader-1")
    local before = c:events(reader)
    c:flush{ bytes = bytes }
    c:settle("1m")
    return c:events(reader) - before
  end
  row("c.net:segment", true, false, function(c, with)
    if with then c.net:segment("writer-1", "reader-1", { sizes = { 1 } }) end
    return events(c, 1000) > 200
  end, one)
  row("c.net:segment sizes", true, false, function(c, with)
    c.net:segment("writer-1", "reader-1", { sizes = with and { 1 } or { 1000 } })
    return events(c, 1000) > 200
  end, one)
  row("c.net:segment coalesce", true, false, function(c, with)
    c.net:segment("writer-1", "reader-1", { coalesce = with })
    return events(c, 5000) < 13
  end, one)
  -- Nobody may notice whose number a connection had before: tests/sim/test_net.c looks at the numbers.
  row("c.net:reuse_handles", true, false, function(c, with)
    c.net:reuse_handles(with)
    seconds(c)
    seconds(c)
  end, { cluster = one.cluster, elsewhere = true })
  -- Every pod has a new address; who joins now asks the service where they are.
  row("c.net:stale_dns", false, true, function(c, with)
    if with then c.net:stale_dns("2m") end
    for _, node in ipairs(c:nodes()) do
      node:replace{ identity = "stable", volume = "keep", grace = "5s" }
      c:sleep("8s")
    end
    local fresh = c:add{}
    c:sleep("10s")
    return fresh:ready()
  end, one)
  row("c.net:stale_dns reuse", true, false, function(c, with)
    local first, second = c:node("reader-1"), c:node("reader-2")
    local old = first.addr
    c.net:stale_dns("1m", only(with, { reuse = true }))
    for _, node in ipairs{ first, second } do
      node:replace{ identity = "stable", volume = "keep", grace = "5s" }
      c:sleep("1s")
      c:wait(function() return node:ready() end, "5m")
    end
    return second.addr == old
  end)
end

return function(row)
  cuts(row) links(row) streams(row)
end
