-- Arc #870, mended by #877. A chart gave the compactor's pod no address for consensus. The node could not
-- start its cluster part, logged a line, and went on as a node of its own, healthy in every probe. Alone, it
-- fell back to its configured role, which says "compact", beside the member that held that role.
--
-- Here: a compactor is added that can reach nobody for ten minutes. It must not call itself ready, must not
-- answer queries, and must not compact; when the way is free it joins, and then does its work.
return {
  name = "incident-role-works-alone",
  about = "A compactor that cannot join the cluster is not ready and compacts nothing, and does both once it can.",
  params = { alone = "10m", files = 12 },
  cluster = { writers = 1, readers = 2, config = { query_gate_on_catchup = true } },
  closing = "short",

  run = function(c)
    c:flush{ files = c.params.files }
    c:settle("1m")
    local compactor = c:add{ role = "compactor" }
    c.net:isolate(compactor)
    local watched, was_ready, answered = 0, 0, 0
    local watch = true
    c:every("1s", function()
      if watch and compactor:up() then
        watched = watched + 1
        was_ready = was_ready + (compactor:ready() and 1 or 0)
        answered = answered + (compactor:query{}.gated and 0 or 1)
      end
    end)
    c:sleep(c.params.alone)
    watch = false
    c:check(watched > 60, "it was up in " .. watched .. " of the seconds only: nothing is shown")
    c:check(was_ready == 0, "it called itself ready, alone, in " .. was_ready .. " of the seconds")
    c:check(answered == 0, "it answered queries, alone, in " .. answered .. " of the seconds")
    c:check(#c:manifest() == c.params.files, "somebody compacted")
    c.net:heal()
    c:wait(function() return compactor:ready() end, "5m", "it joins when it can")
    c:compact{ inputs = c.params.files }
    c:settle("2m")
    c:check(#c:manifest() == 1, "it does its work as a member")
  end,
}
