-- Each call that touches consensus changes what happens: measured, with and without it.
local stories = {}

-- How many messages of the type pass from x to y within d, and how many of them `which` holds for.
local function count(c, x, y, type, d, which)
  local a = c:attacker{ on_path = { x, y } }
  local all, some, is_on = 0, 0, true
  c:go(function()
    while is_on do
      local cap = a:capture{ type = type, from = x, to = y }
      if is_on then
        all = all + 1
        if which and which(cap.fields) then some = some + 1 end
      end
    end
  end)
  c:sleep(d)
  is_on = false
  return all, some
end

-- A doubled heartbeat is answered twice.
function stories.duplicate(c)
  local x, y = c:node("writer-1"), c:node("reader-1")
  local before = count(c, y, x, "AppendEntriesResult", "10s")
  c.net:link(x, y, { duplicate = 1, oneway = true })
  local after = count(c, y, x, "AppendEntriesResult", "10s")
  c:check(before > 50 and after > 1.7 * before, ("%d answers, then %d"):format(before, after))
  c.net:heal()
  local healed = count(c, y, x, "AppendEntriesResult", "10s")
  c:check(healed < 1.2 * before, ("%d answers when healed"):format(healed))
end

-- Entries that overtake others do not fit the follower's log: it refuses them, and they come again.
function stories.reorder(c)
  local x, y = c:node("writer-1"), c:node("reader-1")
  local function refused()
    c:go(function() c:flush{ files = 200, bytes = "1KiB", every = "5ms" } end)
    local _, number = count(c, y, x, "AppendEntriesResult", "3s", function(f) return f.rejected > 0 end)
    return number
  end
  c:check(refused() == 0, "nothing is refused in order")
  c.net:link(x, y, { reorder = 0.5, latency = "5ms..10ms", oneway = true })
  c:check(refused() > 0, "nothing was refused out of order")
  c:settle("1m")
end

-- What is lost is not answered.
function stories.loss(c)
  local x, y = c:node("writer-1"), c:node("reader-1")
  local before = count(c, y, x, "AppendEntriesResult", "10s")
  c.net:link(x, y, { loss = 0.5, oneway = true })
  local after = count(c, y, x, "AppendEntriesResult", "10s")
  c:check(after < 0.75 * before, ("%d answers, then %d"):format(before, after))
end

-- Who lags gets entries from the log, and a snapshot once the log was cut behind it.
function stories.truncate_log(c)
  local x, y = c:node("writer-1"), c:node("reader-1")
  local function snapshots(is_cut)
    y:kill{ host = false }
    c:flush{ files = 3, bytes = "1KiB" }
    c:sleep("1s")
    if is_cut then c:truncate_log() end
    y:start{}
    local number = count(c, x, y, "InstallSnapshot", "5s")
    c:settle("1m")
    return number
  end
  c:check(snapshots(false) == 0, "a snapshot without a cut")
  c:check(snapshots(true) == 1, "no snapshot behind a cut")
end

-- The node whose log is gone but for a snapshot starts from it: what it has is told by what it is sent.
function stories.snapshot(c)
  local x, y = c:node("writer-1"), c:node("reader-1")
  c:flush{ files = 3, bytes = "1KiB" }
  c:settle("1m")
  local before = c:events(y)
  c:check(c:snapshot(y) == true, "it was taken")
  c:check(c:snapshot(y) == true, "and another one, now")
  c:check(c:events(y) > before, "nothing was applied for it")
end

-- One message hands the leadership over, to whom was named; the term is a later one.
function stories.transfer_leader(c)
  local x, y = c:node("writer-1"), c:node("reader-2")
  local orders
  c:go(function() orders = count(c, x, y, "TimeoutNow", "3s") end)
  c:sleep("1s")
  c:check(c:leader() == x, "writer-1 leads")
  c:check(c:transfer_leader(y) == true, "it was handed over")
  c:check(c:leader() == y, "it leads")
  c:sleep("3s")
  c:check(orders == 1, "how else?")
end

function stories.force_election(c)
  local before = c:leader()
  c:check(c:force_election() == true, "there was one")
  c:check(c:leader() ~= nil and c:leader() ~= before, "the old leader leads")
end

-- Asked of a process that has only just begun.
function stories.snapshot_at_boot(c)
  local y = c:node("reader-2")
  c:flush{ files = 3, bytes = "1KiB" }
  c:settle("1m")
  y:restart{ down = "3s" }
  local before = c:now()
  c:check(c:snapshot(y) == true and c:now() - before < 1, "it was taken at once")
end

-- The node dies, or starts anew, before it was done: nil, and why.
function stories.snapshot_of_the_dying(c)
  local y = c:node("reader-2")
  for _, call in ipairs{ "snapshot", "transfer_leader" } do
    local done, why
    c.net:isolate(y)
    c:go(function() done, why = c[call](c, y) end)
    c:sleep("500ms")
    y:kill{}
    c:sleep("1ms")
    c:check(done == nil and why == "the node died first", call .. " in vain")
    c.net:heal()
    y:start{}
    c:settle("1m")
  end
end

-- Cut off from the leader for longer than anything is asked once.
function stories.asked_again(c)
  local y = c:node("reader-2")
  c.net:isolate(y, { for_ = "40s" })
  c:check(c:snapshot(y) == true, "it was taken in the end")
  c:check(c:now() >= 40, "cut off, and yet it was taken")
end

-- Whoever is asked to take over has just been cut off: another one is.
function stories.lost_heir(c)
  c.net:isolate("writer-2", { for_ = "20s" })
  c:sleep("500ms")
  c:check(c:force_election() == true, "there was one")
  c:settle("2m")
end

return {
  name = "consensus-calls",
  about = "Calls that touch consensus change what happens.",
  params = { story = "duplicate" },
  cluster = { writers = 2, readers = 3 },
  closing = "short",
  run = function(c) stories[c.params.story](c) end,
}
