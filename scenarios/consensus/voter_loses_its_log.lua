-- A voter's volume is lost, and with it the log and the memory of whom it voted for. Under its old name it
-- must not pass for the voter that it was: it would vote a second time in a term, or form a majority that has
-- forgotten what was committed. It comes back as a new member of the log, and takes its place when it has
-- caught up.
return {
  name = "consensus-voter-loses-its-log",
  about = "Voters that lose their volumes one after the other come back as new members, and nothing committed is lost.",
  phase = 3,
  params = { files = 20 },
  cluster = { writers = 2, readers = 3, voters = 5 },
  breaks = { arc = "query-complete", phase3 = "query-complete", phase2 = "query-complete" },

  run = function(c)
    c:flush{ files = c.params.files, bytes = "10KiB" }
    c:settle("1m")
    for _, id in ipairs{ "reader-1", "writer-1", "reader-3" } do
      local before = #c:manifest()
      local n = c:node(id)
      c:go(function() c:node("writer-2"):flush{ files = 5, bytes = "10KiB", every = "200ms" } end)
      n:replace{ identity = "stable", volume = "lost", grace = "0s" }
      c:wait(function() return n:up() and n:ready() end, "3m", id .. " is ready again")
      c:check(#c:manifest() >= before, "committed files are gone from the manifest")
      c:settle("3m")
      c:check(n:holds_all(), id .. " has not pulled everything again")
    end
    c:transfer_leader("reader-1") -- it votes again, and may lead
    c:flush{ files = 5, bytes = "10KiB" }
    c:settle("1m")
  end,
}
