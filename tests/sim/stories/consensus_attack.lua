-- Attackers on the path of consensus messages: what they see, and that nothing they send is taken.
local stories = {}

local function pair(c)
  return c:node("writer-1"), c:node("writer-2")
end

local function load(c)
  c:go(function() c:flush{ files = 40, bytes = "10KiB", every = "100ms" } end)
end

-- Messages of each type, by what brings them about; `cause` runs beside the capture.
local function seen(c, a, type, cause)
  local cap
  c:go(function() cap = a:capture{ type = type } end)
  c:sleep("1ms")
  cause()
  c:wait(function() return cap ~= nil end, "30s", type .. " passes")
  c:check(cap.type == type and #cap.bytes > 64, type .. ": bytes")
  c:check(cap.fields.cluster_name == "prod" and cap.fields.number >= 1, type .. ": envelope")
  c:check((cap.from == "writer-1") ~= (cap.to == "writer-1"), type .. ": from and to")
  return cap.fields, cap
end

local function every_type(c)
  local x, y = pair(c)
  local a = c:attacker{ on_path = { x, y } }
  local caps = {}
  local function keep(type, cause)
    local fields, cap = seen(c, a, type, cause)
    caps[#caps + 1] = cap
    return fields
  end
  local append = keep("AppendEntries", function() load(c) end)
  c:check(append.term >= 1 and append.prev_log_index >= 1 and append.leader_commit >= 1, "AppendEntries")
  local result = keep("AppendEntriesResult", function() end)
  c:check(result.last_log_index >= 1 and result.rejected ~= nil, "AppendEntriesResult")
  c:sleep("5s")
  local now = keep("TimeoutNow", function() c:transfer_leader(y) end)
  c:check(now.term >= append.term and now.last_log_index > append.prev_log_index, "TimeoutNow")
  local vote = keep("RequestVote", function() c:transfer_leader(x) end)
  c:check(vote.term > now.term and vote.candidate_id == vote.sender_id and vote.disrupt_leader, "RequestVote")
  local granted = keep("RequestVoteResult", function() c:transfer_leader(y) end)
  c:check(granted.vote_granted ~= nil, "RequestVoteResult")
  c:transfer_leader(x)
  local snapshot = keep("InstallSnapshot", function()
    y:kill{}
    c:flush{ files = 4, bytes = "10KiB" }
    c:truncate_log()
    y:start{}
  end)
  c:check(snapshot.last_index > append.prev_log_index and #snapshot.data > 100, "InstallSnapshot")
  c:wait(function() return y:ready() end, "1m", "writer-2 is ready")
  return a, caps, y
end

function stories.seen(c)
  every_type(c)
  c:settle("1m")
end

-- Each message of a session again, to whom it was sent and to others: none is taken.
function stories.replayed(c)
  local a, caps = every_type(c)
  local leader = c:leader()
  for _, cap in ipairs(caps) do
    c:check(a:replay(cap) == nil, "a datagram was answered")
    a:replay(cap, { to = "reader-1", after = "10ms" })
  end
  c:sleep("5s")
  c:check(c:leader() == leader, "a recording moved the leader")
  c:settle("1m")
end

-- A recording of the present sessions, to the same node while both are as they were.
function stories.again(c)
  local x, y = pair(c)
  local a = c:attacker{ on_path = { x, y } }
  load(c)
  local cap = a:capture{ type = "AppendEntries", from = x, to = y }
  c:sleep("1s")
  a:replay(cap)
  c:settle("1m")
end

-- To the same node under the same address, in its next life.
function stories.next_life(c)
  local x, y = pair(c)
  local a = c:attacker{ on_path = { x, y } }
  load(c)
  local cap = a:capture{ type = "AppendEntries", to = y }
  y:restart{ down = "2s" }
  c:wait(function() return y:ready() end, "1m", "writer-2 is ready")
  a:replay(cap, { to = y })
  c:settle("1m")
end

function stories.other_node(c)
  local x, y = pair(c)
  local a = c:attacker{ on_path = { x, y } }
  load(c)
  a:replay(a:capture{ type = "AppendEntries", to = y }, { to = "reader-1" })
  c:settle("1m")
end

-- To a node of the same name in another cluster with the same secret: the MAC verifies there.
function stories.other_cluster(c)
  local x, y = pair(c)
  local o = c:cluster{ name = "staging", writers = 2, readers = 0, share_secret = true }
  local a = c:attacker{ on_path = { x, y } }
  load(c)
  a:replay(a:capture{ type = "AppendEntriesResult", to = x }, { to = o:node("writer-1") })
  c:settle("1m")
  o:settle("1m")
end

-- One field changed under the MAC of the rest.
function stories.changed(c)
  local x, y = pair(c)
  local a = c:attacker{ on_path = { x, y } }
  load(c)
  local cap = a:capture{ type = "AppendEntriesResult", from = y }
  a:replay(cap, { fields = { number = cap.fields.number + 1000, term = cap.fields.term } })
  c:settle("1m")
end

function stories.forged(c)
  local x, y = pair(c)
  local a = c:attacker{}
  a:send(y, { type = "RequestVote", term = 50, as = x, last_log_index = 1000, last_log_term = 40, disrupt_leader = true })
  c:sleep("3s")
  c:settle("1m")
end

-- Entries of a leader that never was, in a term that never comes.
function stories.outsider(c)
  local x, y = pair(c)
  local a = c:attacker{}
  for _, n in ipairs(c:nodes{}) do a:send(n, { type = "AppendEntries", term = 1000, as = y }) end
  c:sleep("3s")
  c:check(c:leader() == x, "the leader gave way to nobody")
  c:settle("1m")
end

function stories.tampered(c)
  local x, y = pair(c)
  local a = c:attacker{ on_path = { x, y } }
  a:tamper{ type = "AppendEntriesResult", fields = { term = 60 }, p = 0.5, for_ = "1s" }
  load(c)
  c:sleep("2s")
  c:settle("1m")
end

-- Held back and let go later, as the sender made it: that is delay, and it is taken, once.
function stories.held_back(c)
  local x, y = pair(c)
  local a = c:attacker{ on_path = { x, y } }
  a:drop{ type = "AppendEntries", to = y, for_ = "200ms" }
  load(c)
  local cap = a:capture{ type = "AppendEntries", to = y }
  a:replay(cap, { after = "300ms" })
  a:replay(cap, { after = "300ms" })
  c:settle("1m")
end

-- What is changed on its way counts as lost; what is dropped is lost; both by what `match` says.
function stories.rules(c)
  local x, y = pair(c)
  local a = c:attacker{ on_path = { x, y } }
  local number = 0
  local function follows(rule, is_tamper)
    number = number + 1
    if rule then if is_tamper then a:tamper(rule) else a:drop(rule) end end
    local path = "db/file-" .. number .. ".parquet"
    c:flush{ path = path, bytes = "1KiB" }
    c:sleep("3s")
    local has = y:has(path)
    a:stop()
    return has
  end
  c:check(follows(), "writer-2 follows")
  c:check(not follows{ type = "AppendEntries" }, "dropped entries came")
  c:check(not follows{ type = "AppendEntries", from = x, to = y }, "from and to")
  c:check(follows{ type = "AppendEntries", from = y }, "the wrong way round")
  c:check(follows{ type = "RequestVote" }, "messages of other types were dropped")
  c:check(not follows({ type = "AppendEntries", fields = { leader_commit = 1 } }, true), "changed entries were taken")
  c:check(follows({ type = "AppendEntries", fields = { leader_commit = 1 }, p = 0 }, true), "never, by chance")
  c:check(follows{ type = "AppendEntries", match = function(f) return f.term == 7 end }, "match did not hold")
  c:check(not follows{ type = "AppendEntries", match = function(f) return #f.entries > 0 end }, "match held")
  c:check(not follows{}, "without a type everything is dropped")
  c:settle("1m")
end

-- Inside TLS there is nothing to see: captures wait in vain, rules meet nothing.
function stories.blind(c)
  local x, y = pair(c)
  local a = c:attacker{ on_path = { x, y } }
  local cap
  c:go(function() cap = a:capture{ type = "AppendEntries" } end)
  a:drop{ type = "AppendEntries" }
  load(c)
  c:settle("1m")
  c:check(cap == nil, "something was seen")
end

-- What is wrong with a call is told at the call.
function stories.arguments(c)
  local x, y = pair(c)
  local a = c:attacker{ on_path = { x, y } }
  local function fails(text, fn)
    local ok, message = pcall(fn)
    c:check(not ok and message:find(text, 1, true), text .. ": " .. tostring(message))
  end
  fails("AppendEntry", function() a:capture{ type = "AppendEntry" } end)
  fails("trem", function() a:tamper{ type = "AppendEntries", fields = { trem = 1 } } end)
  fails("term", function() a:tamper{ type = "AppendEntries", fields = { term = "x" } } end)
  fails("vote_granted", function() a:send(y, { type = "RequestVoteResult", vote_granted = 1 }) end)
  fails("entries", function() a:send(y, { type = "RequestVote", entries = {} }) end)
  fails("bytes", function() a:send(y, { type = "AppendEntries", entries = { { bytes = 7 } } }) end)
  fails("negative", function() a:send(y, { type = "TimeoutNow", term = -1 }) end)
  fails("no consensus message", function() a:replay({ type = "RequestVote", bytes = "x", to = y }) end)
  fails("no capture", function() a:replay({ type = "RequestVote", to = y }) end)
  a:send(y, { type = "AppendEntries", entries = { { term = 1, type = 1, bytes = "x" } }, sender_id = -5 })
  a:send(y, { type = "InstallSnapshot", last_index = 10, data = "x" })
  c:settle("1m")
end

return {
  name = "consensus-attack",
  about = "Consensus messages are seen and changed as the page says, and nothing of an attacker's is taken.",
  params = { story = "seen", tls = false },
  cluster = function(params) return { writers = 2, readers = 2, tls = params.tls } end,
  closing = "short",
  run = function(c) stories[c.params.story](c) end,
}
