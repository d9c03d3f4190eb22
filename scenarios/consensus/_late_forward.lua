-- A registration that its sender gave up, and that the network brings when the file has been rewritten:
-- the story of late_forward.lua ("direct") and late_forward_to_former_leader.lua ("leadership").
return function(way)
  return function(c)
    local leader, writer = c:node("writer-1"), c:node("writer-2")
    local function registered(path, lsn)
      return function()
        for _, entry in ipairs(c:manifest()) do
          if entry.path == path then
            return entry.lsn > lsn and entry.lsn
          end
        end
      end
    end
    writer:flush{ files = 1, bytes = "10KiB" } -- the connection to the leader is open from here on
    c:settle("1m")

    c:sleep(10 - c:now())
    c.net:partition(writer, leader, { oneway = true })
    local path = writer:flush{ files = 1, bytes = "10KiB" }[1]
    if way == "leadership" then
      c:sleep("7s")
      c:transfer_leader("reader-1")
    else
      c:sleep(c.params.healed_s - c:now())
      c.net:heal()
    end
    c:wait(registered(path, 0), "30s")
    local first = registered(path, 0)()
    writer:rewrite(path)
    c:wait(registered(path, first), "30s")
    if way == "leadership" then
      c:transfer_leader("writer-1")
      c.net:heal()
    end
    local second = registered(path, first)()
    c:sleep("1m") -- longer than TCP waits between two tries by now

    c:check(registered(path, 0)() == second, "an older registration came after the rewrite")
    c:settle("2m")
  end
end
