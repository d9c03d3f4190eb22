-- Two voters are silent until the leader demotes one; the test moves the leadership while that is on its way
-- to the disks. Then both are back, and can be handed the leadership like anybody.
return {
  name = "handover",
  about = "Who leads after a change of members on its way to the disks leads with the new members.",
  cluster = { writers = 2, readers = 3 },
  storage = { latency = "40ms..60ms" },
  run = function(c)
    c:node("writer-2"):pause("8s")
    c:node("reader-3"):pause("8s")
    c:sleep("30s")
    for _, id in ipairs{ "writer-2", "reader-3" } do
      c:flush{ files = 1 }
      c:transfer_leader(id)
    end
    c:settle("1m")
  end,
}
