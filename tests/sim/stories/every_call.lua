-- Every call that acts, once at least, in loops, coroutines and with draws, as stories have them.
return {
  name = "every-call",
  about = "What is recorded of it can be told again, and is the same run then.",
  params = { readers = 2 },
  cluster = function(params)
    return {
      writers = 2, compactors = 1, readers = params.readers, zones = { ["reader-1"] = "b" },
      config = function() return { ["reconciliation.enabled"] = true } end,
    }
  end,
  network = { latency = "200us..1ms" },
  closing = "short",
  limit = "1h",

  run = function(c)
    local w, r = c:node("writer-1"), c:node("reader-1")
    local paths = c:flush{ files = "2..3", bytes = "1KiB..4KiB" }
    c:settle("1m")
    w:rewrite(paths[1], { bytes = "5KiB" })
    c:delete(paths[2])
    w:propose{ type = "DeleteFile", path = "db/odd/a.parquet", reason = "none" }
    r:put("db/odd/left.parquet", "1KiB..2KiB")
    c:reconcile(r, {})
    local compactor = c:node("compactor-1")
    compactor:flush{ files = 2, bytes = "1KiB", measurement = "mem" }
    c:settle("1m")
    pcall(c.compact, c, { inputs = 2 })
    pcall(r.flush, r, {})

    -- Nodes, at times that were drawn.
    c:every("7s", function() pcall(w.flush, w, { bytes = "2KiB" }) end)
    for i = 1, 2 do
      local node = c.rng:pick(c:readers())
      node:pause(c.rng:duration("10ms..50ms"))
      node:clock{ skew = "-1s..1s", drift_ppm = 20 }
      c:sleep("100ms..300ms")
      node:clock{}
    end
    r:disk{ slow = "1ms..2ms" }
    r:disk{}
    r:hostile{ kind = "reset", p = 0.5, for_ = "1s" }
    r:hostile(nil)
    c:settle("2m")
    local more = w:flush{ bytes = "1KiB" }
    c:settle("2m")
    r:corrupt(more[1], { kind = "flip" })
    c:node("reader-2"):remove(more[1])
    r:scrub()
    c:node("reader-2"):scrub()
    r:restart{ down = "1s..2s", grace = "3s" }
    r:stop{ grace = 5 }
    r:start()
    r:kill{ host = false }
    r:start()
    c:wait(function() return r:ready() end, "2m", "reader-1")
    r:stop_at{ event = c:events(r) + 50 }
    c:sleep("2s")
    r:start()
    c:wait(function() return r:up() end, "2m", "reader-1 again")
    r:kill_at{ event = c:events(r) + 60 }
    c:sleep("2s")
    r:start()
    r:replace{ identity = "stable", volume = "keep", grace = 1 }
    local added = c:add{ role = "reader", zone = "c" }
    c:wait(function() return added:ready() end, "5m", "the new node")
    c:rotate{ nodes = { added }, start_delay = "1s" }

    -- Consensus.
    c:snapshot(w)
    c:truncate_log()
    c:transfer_leader("writer-2")
    c:force_election{ wait = false }
    c:sleep("20s")

    -- The network.
    c.net:partition({ "reader-1" }, { "reader-2" }, { for_ = "1s..2s" })
    c.net:isolate("reader-2", { for_ = "1s" })
    c.net:link(w, r, { latency = "1ms..3ms", loss = 0.01 })
    c.net:late(w, r, "10ms..20ms")
    c.net:segment(w, r, { sizes = { 1, 100 } })
    c.net:refuse(r)
    c.net:blackhole("reader-2")
    c.net:reuse_handles(true)
    c.net:stale_dns("5s", { reuse = false })
    c:sleep("1s")
    c.net:heal()

    -- Another cluster, and an attacker on a path in this one.
    local other = c:cluster{ name = "other-one", writers = 1, readers = 1, share_secret = true }
    other:flush{ bytes = "1KiB" }
    other:node("reader-1"):pause("5ms")
    other.net:late(other:node("reader-1"), r, "1ms")
    local a = c:attacker{ on_path = { w, r } }
    a:tamper{ type = "FetchFile", fields = { byte_offset = 7 }, p = 0.5, for_ = "1s" }
    a:drop{ type = "Heartbeat", p = 0.1, for_ = "1s" }
    a:send(w, "garbage")
    a:flood(w, { connections = 2, rate = 5, kind = "connect" })
    local seen
    c:go(function() seen = a:capture{} end)
    w:flush{ bytes = "3KiB" }
    c:wait(function() return seen ~= nil end, "2m", "a frame")
    pcall(a.replay, a, seen, { to = w })
    a:stop()
    c:nemesis{ faults = { "pause", "segment" }, every = "1s..2s", heal = "1s..2s", until_ = c:now() + 6, swarm = false }
    c:sleep("10s")
    c:settle("5m")
  end,
}
