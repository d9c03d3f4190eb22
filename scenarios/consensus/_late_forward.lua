-- A registration that its sender gave up, and that the network brings when something newer happened: the
-- story of late_forward.lua ("direct"), late_forward_to_former_leader.lua ("leadership") and
-- late_forward_of_former_life.lua ("life").
local function lsn(c, path)
  for _, entry in ipairs(c:manifest()) do
    if entry.path == path then
      return entry.lsn
    end
  end
  return 0
end

local function wait_beyond(c, path, before)
  c:wait(function() return lsn(c, path) > before end, "30s")
  return lsn(c, path)
end

local ways = {}

function ways.direct(c, _, writer)
  local path = writer:flush{ files = 1, bytes = "10KiB" }[1]
  c:sleep("7s")
  c.net:heal()
  local registered = wait_beyond(c, path, 0)
  writer:rewrite(path)
  return path, wait_beyond(c, path, registered)
end

function ways.leadership(c, leader, writer)
  local path = writer:flush{ files = 1, bytes = "10KiB" }[1]
  c:sleep("7s")
  c:transfer_leader("reader-1")
  local registered = wait_beyond(c, path, 0)
  writer:rewrite(path)
  local rewritten = wait_beyond(c, path, registered)
  c:transfer_leader(leader)
  c.net:heal()
  return path, rewritten
end

-- The process that sent it is killed; the next one pulls what the manifest says over its bytes.
function ways.life(c, _, writer)
  local path = c:manifest()[1].path
  local registered = lsn(c, path)
  writer:rewrite(path)
  c:sleep("7s")
  writer:kill()
  c:sleep("2s")
  writer:start()
  c:sleep("1s")
  c.net:heal()
  return path, registered
end

return function(way)
  return function(c)
    local leader, writer = c:node("writer-1"), c:node("writer-2")
    writer:flush{ files = 1, bytes = "10KiB" } -- the connection to the leader is open from here on
    c:settle("1m")
    c:sleep(10 - c:now())
    c.net:partition(writer, leader, { oneway = true })
    local path, latest = ways[way](c, leader, writer)
    c:sleep("1m") -- longer than TCP waits between two tries by now
    c:check(lsn(c, path) == latest, "an older registration came after all")
    c:settle("2m")
  end
end
