-- Chosen points of consensus and what they change; compaction, queries, rewrites, proposals.
local stories = {}

local function count(list) return #list end

-- On its disk, whatever the manifest says of it.
local function shows(node, path)
  for _, name in ipairs(node:files()) do
    if name == path then return true end
  end
  return false
end

-- A follower that was cut off while the log was cut catches up by snapshot, and pulls what it missed.
function stories.snapshot_for_the_late(c)
  local late = c:node("reader-3")
  c:flush{ files = 5 }
  c:settle("1m")
  c.net:isolate(late)
  local paths = c:flush{ files = 5 }
  c:sleep("6s")
  c:truncate_log()
  paths[#paths + 1] = c:flush{ files = 1 }[1]
  c:sleep("1s")
  c:check(not shows(late, paths[1]), "it was cut off")
  c.net:heal()
  c:settle("5m")
  for _, path in ipairs(paths) do c:check(late:has(path), "pulled after the snapshot: " .. path) end
end

-- A node that slept through deletions, log cut meanwhile, removes its copies all the same.
function stories.deletions_slept_through(c)
  local late = c:node("reader-3")
  local paths = c:flush{ files = 6 }
  c:settle("1m")
  if c.params.asleep then late:stop{} else c.net:isolate(late) end
  for row = 1, 4 do c:delete(paths[row]) end
  c:sleep("2s")
  c:truncate_log()
  c:sleep("1s")
  c:check(shows(late, paths[1]), "it still has its copy")
  if c.params.asleep then late:start() else c.net:heal() end
  c:sleep("30s")
  c:settle("5m")
  local gone = c.params.release == "current"
  for row = 1, 4 do
    if gone then c:check(not shows(late, paths[row]), "its copy goes: " .. paths[row]) end
  end
  for row = 5, 6 do c:check(shows(late, paths[row]), "what is registered stays") end
end

-- A restart from a snapshot: the deletion was before it, the copy still in its grace.
function stories.killed_in_grace(c)
  local node = c:node("reader-2")
  local paths = c:flush{ files = 3 }
  c:settle("1m")
  c:delete(paths[1])
  c:snapshot(node)
  node:kill{ host = false }
  c:check(shows(node, paths[1]), "killed before the grace was over")
  node:start()
  c:sleep("30s")
  c:check(not shows(node, paths[1]), "its copy goes after the restart")
  c:settle("5m")
end

-- Leadership goes where the story wants it.
function stories.leadership(c)
  local before = c:leader().id
  local heir = c:node("reader-2")
  c:transfer_leader(heir)
  c:check(c:leader() == heir and before ~= heir.id, "it leads now")
  c:flush{ files = 2 }
  c:settle("1m")
  c:force_election()
  c:check(c:leader() ~= nil and c:leader() ~= heir, "another leads after the election")
  c:flush{ files = 2 }
  c:settle("1m")
end

-- Whoever has a role is down: the leader gives it to the next of its kind, and work goes there.
function stories.failover(c)
  c:flush{ files = 4, bytes = "10KiB" }
  c:settle("1m")
  local function made_by(path)
    for _, row in ipairs(c:manifest()) do
      if row.path == path then return row.origin_node_id end
    end
  end
  local function flushed_by()
    local path = c:flush{ files = 3, bytes = "10KiB" }[1]
    c:sleep("1s")
    return made_by(path)
  end
  local writer, compactor = flushed_by(), made_by(c:compact{ inputs = 2 })
  c:check(writer ~= nil and compactor ~= nil and compactor:find("compactor", 1, true), "somebody has each role")
  c:transfer_leader("reader-1")
  c:node(compactor):kill{}
  c:node(writer):kill{}
  c:sleep("1m")
  local other_writer = flushed_by()
  c:check(other_writer ~= nil and other_writer ~= writer, "the other writer is the primary now")
  c:node(compactor):start()
  c:node(writer):start()
  c:settle("5m")
  local other = made_by(c:compact{ inputs = 3 })
  c:check(other ~= nil and other ~= compactor, "the other compactor stays active")
  c:check(flushed_by() == other_writer, "the other writer stays the primary")
end

-- n files become one, in one command; the sources go everywhere.
function stories.compact(c)
  local paths = c:flush{ files = 6, bytes = "10KiB" }
  c:flush{ files = 3, bytes = "10KiB", measurement = "mem" }
  c:settle("1m")
  local path = c:compact{ inputs = 4 }
  c:check(path ~= nil, "compacted")
  local lsns, origin, size = 0, nil, 0
  for _, row in ipairs(c:manifest()) do
    if row.path == path then origin, size = row.origin_node_id, row.size_bytes end
  end
  local maker = #c:nodes{ role = "compactor" } > 0 and "compactor-1" or "writer-1"
  c:check(origin == maker, "made by " .. tostring(origin))
  c:check(size == 4 * 10240, "the union of its sources")
  c:check(count(c:manifest()) == 6, "nine files, four of them became one")
  c:sleep("5s")
  c:settle("1m")
  for _, node in ipairs(c:nodes{}) do
    for row = 1, 4 do c:check(not shows(node, paths[row]), "a source is left on " .. node.id) end
    c:check(node:has(path), "the output is on " .. node.id)
    local answer = node:query{ prefix = "db/cpu/" }
    c:check(answer.complete and answer.duplicated == 0, "nothing twice on " .. node.id)
  end
end

-- The compactor dies between its output and the batch, with nobody to propose to: the next life
-- finishes the job, and registers once.
function stories.compact_without_leader(c)
  local compactor = c:node("compactor-1")
  c:flush{ files = 4, bytes = "10KiB" }
  c:settle("1m")
  local lsn = {}
  c.net:isolate(compactor)
  c:sleep("6s")
  local path
  c:go(function() path = c:compact{ inputs = 3 } end)
  c:sleep("5s")
  c:check(count(c:manifest()) == 4, "nothing was registered yet")
  if c.params.kill then compactor:kill{} end
  c.net:heal()
  if c.params.kill then compactor:start() end
  c:sleep("30s")
  c:settle("5m")
  c:check(count(c:manifest()) == 2, "three became one: " .. count(c:manifest()))
  c:check(c.params.kill or path ~= nil, "the call returned the path")
end

-- The compactor's life ends at any event of a compaction; the next life brings it to an end: all of it,
-- once, or nothing.
function stories.compact_ended(c)
  local compactor = c:node("compactor-1")
  c:flush{ files = 4, bytes = "300KiB" }
  c:settle("1m")
  local at = c:events(compactor) + c.params.event
  if c.params.kill then compactor:kill_at{ event = at } else compactor:stop_at{ event = at } end
  local path, why
  c:go(function() path, why = c:compact{ inputs = 3 } end)
  c:sleep("15s")
  compactor:start()
  c:sleep("30s")
  c:settle("5m")
  local left = count(c:manifest())
  c:check(left == 2 or left == 4, "all or nothing: " .. left)
  c:check(path == nil or left == 2, "what was called done is done: " .. tostring(why))
  for _, node in ipairs(c:nodes{}) do
    c:check(count(node:files()) == left, "files on " .. node.id .. ": " .. count(node:files()))
  end
end

-- A disk that takes nothing: the caller is told, and the sources stay.
function stories.compact_disk(c)
  local compactor = c:node("compactor-1")
  c:flush{ files = 3, bytes = "10KiB" }
  c:settle("1m")
  compactor:disk{ full = true }
  local path, why = c:compact{ inputs = 3 }
  c:check(path == nil and why ~= nil, "no room")
  c:check(count(c:manifest()) == 3, "the sources stay")
  compactor:disk{ full = false }
  c:check(c:compact{ inputs = 3 } ~= nil, "room again")
  c:settle("1m")
  c:check(count(c:manifest()) == 1, "now it is one")
end

-- Rubbish under the name of a completion file is left alone, and nothing stops for it.
function stories.compact_rubbish(c)
  local compactor = c:node("compactor-1")
  compactor:put("compaction:job-1", "10KiB")
  compactor:put("compaction:job/2", "1KiB")
  compactor:put("compaction:", 0)
  compactor:put("compaction:job-3", 0)
  compactor:put("compaction:large", "9MiB")
  c:flush{ files = 3, bytes = "10KiB" }
  c:settle("1m")
  compactor:restart{}
  c:sleep("10s")
  c:check(c:compact{ inputs = 3 } ~= nil, "it compacts all the same")
  c:settle("1m")
  c:check(count(compactor:files()) == 6, "rubbish stays for whoever cares")
end

-- The log is kept, the snapshot is taken.
function stories.snapshot(c)
  c:flush{ files = 3 }
  c:settle("1m")
  c:snapshot("reader-2")
  c:sleep("10s")
end

-- A copy that was forgotten beside its compacted output is counted; what is absent is missing.
function stories.query(c)
  local reader = c:node("reader-1")
  local paths = c:flush{ files = 5, bytes = "10KiB" }
  c:flush{ files = 2, bytes = "10KiB", database = "other" }
  c:settle("1m")
  local path = c:compact{ inputs = 3 }
  c:sleep("5s")
  c:settle("1m")
  local function is(missing, duplicated, prefix)
    local answer = reader:query{ prefix = prefix }
    c:check(answer.missing == missing and answer.duplicated == duplicated and not answer.gated and
      answer.complete == (missing == 0), ("missing %d, duplicated %d under %s"):format(
      answer.missing, answer.duplicated, prefix or "all"))
  end
  is(0, 0)
  reader:put(paths[1], "10KiB")
  reader:put("db/cpu/never-seen.parquet", "10KiB")
  is(0, 1)
  is(0, 1, "db/")
  is(0, 1, paths[1])
  is(0, 0, "other/")
  reader:remove(path)
  is(1, 0, "db/cpu")
  is(1, 0, path)
  is(0, 0, paths[4])
  c:sleep("1s")
  reader:remove(paths[1])
  reader:remove("db/cpu/never-seen.parquet")
  reader:restart{}
  c:settle("5m")
  is(0, 0)
end

-- A gated query shows nothing.
function stories.gated(c)
  c:flush{ files = 10, bytes = "1MiB" }
  c:settle("5m")
  c.net:link("all", "all", { bandwidth = "1Mbit/s" })
  local reader = c:node("reader-1"):replace{}
  c:wait(function() return reader:up() and pcall(reader.query, reader) end, "1m", "it boots")
  local answer = reader:query{}
  c:check(answer.gated and not answer.complete and answer.missing == 0 and answer.duplicated == 0,
    "the gate is shut")
  c.net:heal()
  c:settle("30m")
  c:check(not reader:query{}.gated, "and open")
end

-- A file changes under its name, with its size or another.
function stories.rewrite(c)
  local path = c:flush{ files = 1, bytes = "20KiB" }[1]
  c:settle("1m")
  local before = c:manifest()[1]
  c:node("writer-1"):rewrite(path)
  c:settle("1m")
  local same = c:manifest()[1]
  c:check(same.size_bytes == before.size_bytes and same.sha256 ~= before.sha256 and same.lsn > before.lsn,
    "another content of the same size")
  c:node("writer-1"):rewrite(path, { bytes = "7KiB" })
  c:settle("1m")
  c:check(c:manifest()[1].size_bytes == 7168 and c:node("reader-1"):has(path), "another size, everywhere")
end

-- Commands as a member may send them, and what they are answered.
-- A flush returned: its files are stored, and on their way into the manifest. What is said of them next
-- waits until they are there; what is said of no file at all is refused or answered at once.
function stories.after_flush(c)
  local p = c:flush{ files = 3 }
  c:node("writer-1"):rewrite(p[1], { bytes = 1 })
  c:delete(p[2])
  local q = c:node("writer-1"):flush{ files = 2 }
  c:delete(q[1])
  c:node("writer-1"):rewrite(q[2])
  c:check(not pcall(function() c:node("writer-1"):rewrite("no/such") end), "nobody has it")
  local began = c:now()
  c:delete("no/such")
  c:check(c:now() - began < 1, "answered at once")
  c:settle("1m")
  local sizes = {}
  for _, entry in ipairs(c:manifest()) do sizes[entry.path] = entry.size_bytes end
  c:check(sizes[p[1]] == 1 and sizes[p[3]] == 65536 and sizes[q[2]] == 65536, "what was kept")
  c:check(sizes[p[2]] == nil and sizes[q[1]] == nil, "what was deleted")
end

function stories.propose(c)
  local writer, reader = c:node("writer-1"), c:node("reader-1")
  c:flush{ files = 2 }
  c:settle("1m")
  local path = c:manifest()[1].path
  local function is(answer, status, what)
    c:check(answer.status == status, what .. ": " .. answer.status .. " " .. answer.code .. " " .. answer.error)
    return answer
  end
  is(writer:propose{ type = "RegisterFile", path = "../evil", size_bytes = 1 }, "error", "a bad path")
  is(writer:propose{ type = "RegisterFile", path = "db/x", size_bytes = -1 }, "error", "a bad size")
  is(writer:propose{ type = 7, path = "db/x", sha256 = "zz" }, "error", "a bad hash")
  is(writer:propose{ type = 200, payload = "{}" }, "error", "an unknown type")
  is(writer:propose{ type = "DeleteFile", payload = "[7]" }, "error", "a bad payload")
  c:check(count(c:manifest()) == 2, "refused commands change nothing")
  local refused = is(reader:propose{ type = "DeleteFile", path = path }, "error", "a reader may not")
  c:check(refused.error == "unauthorized role", "the leader's own words: " .. refused.error)
  is(reader:propose{ type = "DeleteFile", path = string.rep("a", 3000000) }, "error", "beyond a frame")
  is(c:delete(string.rep("a", 3000000)), "error", "a deletion beyond a frame")
  is(writer:propose{ type = "RegisterFile", file = { path = "../evil" } }, "error", "a bad path inside")
  local answer = is(writer:propose{ type = "BatchFileOps", ops = {
    { type = "DeleteFile", path = path }, { type = "RegisterFile", path = "bad" } } }, "error", "all or nothing")
  c:check(count(c:manifest()) == 2, "a batch with one bad operation changes nothing")
  is(writer:propose{ type = "BatchFileOps", ops = {
    { type = "DeleteFile", path = path }, { type = 8, path = "db/none" } } }, "ok", "a good batch")
  c:check(count(c:manifest()) == 1, "one file left")
  is(writer:propose{ type = "DemoteWriter", node_id = "nobody" }, "error", "an unknown node")
  for _, bad in ipairs{ {}, { type = "Nothing" }, { type = 256 }, { type = "DeleteFile", pth = "x" },
    { type = "RegisterFile", path = {} }, { type = "BatchFileOps", ops = 7 } } do
    c:check(not pcall(writer.propose, writer, bad), "an error of the script")
  end
  c:settle("1m")
end

-- Wrong arguments are errors of the script, with a text that says so.
function stories.arguments(c)
  local reader = c:node("reader-1")
  local function refused(fn, text)
    local ok, message = pcall(fn)
    c:check(not ok and tostring(message):find(text, 1, true) ~= nil, text .. ": " .. tostring(message))
  end
  refused(function() c:compact{ inputs = 2 } end, "holds no 2 files")
  refused(function() c:compact{ inputs = 0 } end, "at least 1")
  refused(function() c:compact{ files = 2 } end, "files")
  refused(function() c:snapshot() end, "expected a node")
  refused(function() c:transfer_leader("reader-9") end, "unknown node")
  refused(function() reader:rewrite("db/none") end, "no such file")
  refused(function() reader:query{ path = "x" } end, "path")
  reader:stop{}
  refused(function() c:snapshot(reader) end, "is down")
  refused(function() c:transfer_leader(reader) end, "is down")
  c:check(reader:query{}.gated, "a query on a node that is down is refused")
  reader:start()
  c:settle("5m")
end

return {
  name = "chosen",
  about = "Chosen points of consensus, compaction, queries and proposals each change the outcome.",
  params = { story = "leadership", consensus = "raft", writers = 1, compactors = 1, asleep = false, kill = false, event = 1,
    gate = false, release = "current" },
  limit = "2h",
  cluster = function(params)
    return { writers = params.writers, readers = 3, compactors = params.compactors, release = params.release,
      consensus = params.consensus == "raft" and "raft" or { kind = "ideal", delay = "5ms..50ms" },
      config = { query_gate_on_catchup = params.gate } }
  end,
  run = function(c)
    stories[c.params.story](c)
    c:sleep("5s")
    c:settle("10m")
  end,
}
