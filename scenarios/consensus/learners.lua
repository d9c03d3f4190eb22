-- A few nodes vote, many only listen. The many must not slow the few down, nor be forgotten: whoever of them
-- was away for too long, or joins a cluster whose log has long been cut, starts from a snapshot and is ready
-- like any other.
return {
  name = "consensus-learners",
  about = "Nodes without a vote catch up from a snapshot, late or new, and never decide who leads.",
  phase = 3,
  params = { readers = 8, files = 40 },
  cluster = function(params) return { writers = 1, readers = params.readers, voters = 3 } end,
  breaks = { arc = "query-complete", phase3 = "query-complete", phase2 = "query-complete" },

  run = function(c)
    local late = { c:node("reader-4"), c:node("reader-7") }
    c:flush{ files = 10, bytes = "10KiB" }
    c:settle("1m")
    for _, n in ipairs(late) do n:kill{ host = false } end
    c:flush{ files = c.params.files, bytes = "10KiB" }
    c:truncate_log()
    local fresh = c:add{ role = "reader" }
    for _, n in ipairs(late) do n:start() end
    late[#late + 1] = fresh
    for _, n in ipairs(late) do
      c:wait(function() return n:ready() end, "2m", n.id .. " is ready")
      c:check(n:query{}.complete, n.id .. " is ready, and a query on it misses files")
    end
    c:settle("2m")
    for _ = 1, 5 do
      c:force_election()
      local id = c:leader().id
      c:check(id == "writer-1" or id == "reader-1" or id == "reader-2", id .. " leads, and has no vote")
    end
    c:flush{ files = 5, bytes = "10KiB" }
    c:settle("1m")
  end,
}
