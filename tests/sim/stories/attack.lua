-- Attackers as a scenario writes them: what each call sees and changes, and that it ends.
local stories = {}

local function nodes(c)
  return c:node("writer-1"), c:node("reader-1")
end

local function served(c, reader, number)
  local path = "db/file-" .. number .. ".parquet"
  c:flush{ path = path, bytes = "10KiB" }
  c:sleep("300ms")
  return reader:has(path)
end

-- A changed path is refused by its MAC; without the change, or with another one to match, it is served.
function stories.tamper(c)
  local writer, reader = nodes(c)
  local a = c:attacker{ on_path = { writer, reader } }
  local function meets(number, rule)
    a:tamper(rule)
    local is_served = served(c, reader, number)
    a:stop()
    return not is_served
  end
  local path = { path = "db/none.parquet" }
  c:check(meets(1, { type = "FetchFile", fields = path }), "a changed path was served")
  c:check(meets(2, { type = "FetchFile", from = reader, to = writer, fields = path }), "from and to")
  c:check(not meets(3, { type = "FetchFile", from = writer, fields = path }), "the wrong way round")
  c:check(not meets(4, { type = "FetchFileAck", fields = { code = "x" } }), "a harmless change")
  c:check(meets(5, { type = "FetchFileAck", fields = { size_bytes = 7 } }), "another size was believed")
  c:check(not meets(6, { type = "FetchFile", fields = path, p = 0 }), "never, by chance")
  c:check(not meets(7, { type = "FetchFile", fields = path, match = function(f) return f.path == "db/x" end }),
    "match did not hold")
  c:check(meets(8, { type = "FetchFile", fields = path,
    match = function(f) return f.path == "db/file-8.parquet" and f.node_id == "reader-1" end }), "match held")
  c:check(served(c, reader, 9), "a:stop did not end it")
  a:tamper{ type = "FetchFile", fields = path, for_ = "1s" }
  c:sleep("1s")
  c:check(served(c, reader, 10), "for_ did not end it")
  a:tamper{ type = "FetchFile", fields = path }
  a:tamper{ type = "FetchFileAck", fields = { status = "error" } }
  c:check(not served(c, reader, 11), "two rules")
end

function stories.drop(c)
  local writer, reader = nodes(c)
  local a = c:attacker{ on_path = { reader, writer } }
  a:drop{ type = "FetchFile" }
  c:check(not served(c, reader, 1), "a dropped request was answered")
  a:stop()
  a:drop{ type = "FetchFileAck", from = writer }
  c:check(not served(c, reader, 2), "a dropped ack came")
  a:stop()
  a:drop{ type = "FetchFile", from = writer }
  a:drop{ type = "LeaveNotify" }
  c:check(served(c, reader, 3), "frames of other kinds were dropped")
  a:stop()
  a:drop{}
  c:check(not served(c, reader, 4), "without a type every frame is dropped")
end

-- Rules, floods and captures are left on: the end of the story ends them.
function stories.left_on(c)
  local writer, reader = nodes(c)
  local a = c:attacker{ on_path = { writer, reader } }
  a:tamper{ type = "FetchFile", fields = { path = "db/none" } }
  a:drop{ type = "Heartbeat" }
  a:flood(writer, { connections = 50, rate = 100, kind = "slow-frame" })
  c:go(function() a:capture{ type = "JoinRequest" } end)
  c:check(not served(c, reader, 1), "nothing was changed")
end

-- Whatever pieces the bytes come in.
function stories.pieces(c)
  local writer, reader = nodes(c)
  local a = c:attacker{ on_path = { writer, reader } }
  c.net:segment(reader, writer, { sizes = { 1 } })
  local cap
  c:go(function() cap = a:capture{ type = "FetchFile", to = writer } end)
  c:flush{ path = "db/file-1.parquet", bytes = 100 }
  c:settle("1m")
  c:check(cap and cap.fields.path == "db/file-1.parquet", "the request was not seen")
  c:check(cap and cap.type == "FetchFile" and cap.from == "reader-1", "its kind and origin")
end

-- Every kind of message that passes can be captured, and its fields are those of the wire.
function stories.kinds(c)
  local writer, reader = nodes(c)
  local a = c:attacker{ on_path = { writer, reader } }
  local seen = {}
  for _, type in ipairs{ "FetchFile", "FetchFileAck", "Heartbeat", "HeartbeatAck", "LeaveNotify", "JoinRequest",
    "JoinResponse" } do
    c:go(function() seen[type] = a:capture{ type = type } end)
  end
  c:flush{ bytes = "10KiB" }
  c:sleep("15s")
  reader:restart{ down = "2s" }
  c:sleep("15s")
  for _, type in ipairs{ "FetchFile", "FetchFileAck", "Heartbeat", "HeartbeatAck", "LeaveNotify", "JoinRequest",
    "JoinResponse" } do
    c:check(seen[type], type .. " was not seen")
  end
  c:check(seen.Heartbeat and #seen.Heartbeat.fields.auth_hmac == 64, "no MAC in the heartbeat")
  c:check(seen.FetchFileAck and seen.FetchFileAck.fields.status == "ok", "no status in the ack")
  c:check(seen.JoinResponse and seen.JoinResponse.fields.success == true, "no answer to the join")
end

-- Where links are encrypted nothing is seen and nothing is met.
function stories.tls(c)
  local writer, reader = nodes(c)
  local a = c:attacker{ on_path = { writer, reader } }
  local cap
  c:go(function() cap = a:capture{ type = "FetchFile" } end)
  a:tamper{ type = "FetchFile", fields = { path = "db/none" } }
  a:drop{ type = "FetchFileAck" }
  c:check(served(c, reader, 1), "an encrypted request was changed")
  c:check(cap == nil, "an encrypted request was read")
end

-- Messages without a MAC, or with a wrong one, of every kind: refused, and nothing changes.
function stories.send(c)
  local writer, reader = nodes(c)
  local a = c:attacker{}
  local bad = string.rep("0", 64)
  c:flush{ files = 2, bytes = "10KiB" }
  c:settle("1m")
  local before, nodes_before = #c:manifest(), #c:nodes()
  local fetch = a:send(writer, { type = "FetchFile", path = c:manifest()[1].path, node_id = "reader-1",
    nonce = "n", timestamp = 1775923200, hmac = bad, byte_offset = 7 })
  c:check(fetch and fetch.status == "error" and fetch.code == "auth", "a fetch without the secret")
  local join = a:send(writer, { type = "JoinRequest", node_id = "reader-9", node_name = "x", role = "reader",
    cluster_name = "prod", coord_addr = "192.0.2.1:9100", auth_nonce = "n", auth_timestamp = 1775923200,
    auth_hmac = bad })
  c:check(not join or join.status ~= "ok", "a join without the secret")
  local forward = a:send(writer, { type = "ForwardApply", command_json = '{"type":8,"payload":"e30="}',
    node_id = "reader-1", nonce = "n", timestamp = 1775923200, hmac = bad })
  c:check(not forward or forward.status ~= "ok", "a command without the secret")
  a:send(writer, { type = "LeaveNotify", node_id = "reader-1", auth_nonce = "n", auth_timestamp = 1775923200,
    auth_hmac = bad })
  local beat = a:send(writer, { type = "Heartbeat", node_id = "reader-1", state = "healthy",
    timestamp = "2026-04-11T16:00:00Z", auth_nonce = "n", auth_timestamp = 1775923200, auth_hmac = bad })
  c:check(beat == nil, "a heartbeat without the secret was answered")
  for _, type in ipairs{ "JoinResponse", "LeaderInfo", "HeartbeatAck", "ReplicateSync", "ReplicateSyncAck",
    "FetchFileAck", "ForwardApplyAck" } do
    local reply = a:send(writer, { type = type })
    c:check(not reply or reply.status ~= "ok", type .. " was answered")
  end
  c:check(a:send(writer, "\0\0\0\0") == nil, "an empty frame was answered")
  c:check(#c:manifest() == before, "the manifest changed")
  c:check(#c:nodes() == nodes_before, "a node joined")
  c:flush{ bytes = "10KiB" }
  c:settle("1m")
end

-- Forged consensus messages cost nobody a term.
function stories.consensus(c)
  local leader = c:leader()
  local a = c:attacker{}
  for _, type in ipairs{ "RequestVote", "AppendEntries", "RequestVoteResult", "AppendEntriesResult", "TimeoutNow" } do
    for _, node in ipairs(c:nodes()) do
      c:check(a:send(node, { type = type, term = 1000 }) == nil, "a datagram was answered")
      a:send(node, { type = type, term = 1000, as = "reader-1" })
    end
  end
  c:sleep("10s")
  c:check(c:leader() == leader, "the leader lost its place")
  c:flush{ bytes = "10KiB" }
  c:settle("1m")
end

-- More connections than a node takes: the cluster is slower, not stopped.
function stories.flood(c)
  local writer, reader = nodes(c)
  local a = c:attacker{}
  a:flood(writer, { connections = c.params.connections, rate = 1000, kind = c.params.kind })
  c:sleep("20s")
  local events = c:events(writer)
  c:sleep("10s")
  local busy = c:events(writer) - events
  a:stop()
  c:sleep("15s")
  events = c:events(writer)
  c:sleep("10s")
  c:check(busy > 2 * (c:events(writer) - events), "the flood cost the node nothing")
  c:flush{ files = 3, bytes = "10KiB" }
  c:settle("2m")
end

return {
  name = "attack",
  about = "Attackers see and change what passes as the page says, and end with the story.",
  params = { story = "tamper", kind = "connect", connections = 200, readers = 1, tls = false },
  cluster = function(params) return { writers = 1, readers = params.readers, tls = params.tls } end,
  run = function(c) stories[c.params.story](c) end,
}
