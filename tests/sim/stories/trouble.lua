-- One kind of trouble during ingest, then it ends and the cluster converges.
local kinds = {}
local function busy(c, seconds)
  local done = false
  c:go(function()
    c:flush{ files = c.params.files, bytes = "1B..300KiB", every = "50ms" }
    done = true
  end)
end
function kinds.cut(c, n) c.net:isolate(n, { for_ = c.params.for_ }) c:sleep(c.params.for_) end
function kinds.cut_out(c, n) c.net:partition(n, "all", { oneway = true, for_ = c.params.for_ }) c:sleep(c.params.for_) end
function kinds.cut_in(c, n) c.net:partition("all", n, { oneway = true, for_ = c.params.for_ }) c:sleep(c.params.for_) end
function kinds.blackhole(c, n) c.net:blackhole(n) c:sleep(c.params.for_) c.net:heal() end
function kinds.refuse(c, n) c.net:refuse(n) c:sleep(c.params.for_) c.net:heal() end
local function link(options)
  return function(c, n) c.net:link("all", "all", options) c:sleep(c.params.for_) end
end
kinds.loss1 = link{ loss = 0.01 }
kinds.loss5 = link{ loss = 0.05 }
kinds.loss20 = link{ loss = 0.2 }
kinds.reset = link{ reset = 0.05 }
kinds.corrupt = link{ corrupt = 0.02 }
kinds.slow = link{ latency = "50ms" }
kinds.narrow = link{ bandwidth = "1Mbit/s" }
kinds.stall = link{ stall = "3s" }
kinds.datagrams = link{ duplicate = 0.2, reorder = 0.3 }
function kinds.bytes(c) c.net:segment("all", "all", { sizes = { 1 } }) c:sleep(c.params.for_) end
function kinds.coalesce(c) c.net:segment("all", "all", { coalesce = true }) c:sleep(c.params.for_) end
function kinds.late(c) c.net:late("all", "all", "2s") c:sleep(c.params.for_) end
function kinds.handles(c, n) c.net:reuse_handles(true) c:sleep("1s") n:restart{ down = "1s" } c:sleep(c.params.for_) end
function kinds.pause(c, n) n:pause(c.params.for_) c:sleep(c.params.for_) end
function kinds.pause_stop(c, n)
  n:pause("8s")
  c:sleep("1s")
  n:stop{ grace = "30s" }
  n:start()
end
-- Its time-outs run on while it is frozen, so those of fetches come early by the time that it was awake.
function kinds.pause_fetch(c, n)
  c.net:link("all", n, { latency = "200ms" })
  c:sleep("2s")
  for _, other in ipairs(c:nodes{}) do
    if other.id ~= n.id then other:pause("25s") end
  end
  c:sleep("1s")
  n:pause("8s")
  c:sleep(c.params.for_)
end
-- Somebody else writes the very same bytes, none, under a name that is being pulled there.
function kinds.same_bytes(c, n)
  c.net:partition(n, "all", { for_ = c.params.for_ })
  local path = c:node("writer-1"):flush{ files = 1, bytes = 0 }[1]
  c:sleep("1s")
  n:rewrite(path, {})
  c:sleep(c.params.for_)
end
function kinds.skew299(c, n) n:clock{ skew = "299s" } c:sleep(c.params.for_) end
function kinds.skew301(c, n) n:clock{ skew = "301s" } c:sleep(c.params.for_) end
function kinds.jump(c, n) n:clock{ jump = "-10s", drift_ppm = 500 } c:sleep(c.params.for_) end
return {
  name = "trouble",
  about = "Trouble of one kind during ingest; once it is over, every file reaches every node.",
  params = { kind = "cut", node = "reader-1", for_ = "10s", files = 60, release = "current" },
  limit = "2h",
  cluster = function(params)
    return { writers = 1, readers = 3, compactors = 1, release = params.release }
  end,
  run = function(c)
    busy(c)
    c:sleep("200ms")
    kinds[c.params.kind](c, c:node(c.params.node))
    c:sleep("5s")
    c.net:heal()
    for _, n in ipairs(c:nodes{ up = true }) do n:clock{ skew = 0 } end
    c:sleep("5m")
    c:settle("20m")
  end,
}
