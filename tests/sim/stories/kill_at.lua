-- One node ends at its k-th event, in its start-up or in a busy phase, by SIGKILL, by power loss or by
-- an ordered stop; it comes back and the cluster converges.
return {
  name = "kill-at",
  about = "A life may end at any event: nothing is lost, nothing hangs, and the next life catches up.",
  params = { node = "reader-1", event = 10, how = "kill", phase = "start", files = 12 },
  cluster = { writers = 1, readers = 2, compactors = 1 },
  run = function(c)
    local p = c.params
    local node = c:node(p.node)
    c:flush{ files = p.files, bytes = "1B..200KiB" }
    c:settle("5m")
    local function arm()
      if p.how == "stop" then node:stop_at{ event = p.event }
      elseif p.how == "kill" then node:kill_at{ event = p.event }
      else
        c:go(function()
          local from = c:events(node)
          c:wait(function() return not node:up() or c:events(node) >= p.event end, "5m", "events")
          if node:up() then node:kill{ host = true } end
        end)
      end
    end
    if p.phase == "start" then
      node:kill{ host = false }
      c:sleep("1s")
      if p.how ~= "power" then arm() end
      node:start()
      if p.how == "power" then arm() end
    else
      p.event = p.event + c:events(node)
      arm()
    end
    for _, writer in ipairs(c:nodes{ role = "writer", up = true }) do
      c:go(function() writer:flush{ files = p.files, bytes = "1B..200KiB", every = "20ms" } end)
    end
    c:sleep("20s")
    for _, each in ipairs(c:nodes()) do
      if not each:up() then each:start() end
    end
    c:settle("10m")
    c:wait(function() return node:ready() end, "5m", "it never became ready again")
  end,
}
