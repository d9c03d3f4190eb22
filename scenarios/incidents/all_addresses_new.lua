-- Typesense #465. Its consensus names members by address. All three pods were replaced at once, each got a
-- new address, and each then found itself absent from the list of members it had on disk: no one may
-- vote, "multi-node with no leader", for good, with 39,634 entries applied on three healthy volumes.
--
-- Here: all pods of a cluster are rescheduled in the same second, names and volumes kept, addresses new,
-- while the names still resolve to the old addresses for a while.
return {
  name = "incident-all-addresses-new",
  about = "All pods get new addresses at once, and the cluster finds itself again by names.",
  params = { stale = "30s", files = 20 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",

  run = function(c)
    c:flush{ files = c.params.files }
    c:settle("1m")
    local before = {}
    for _, node in ipairs(c:nodes{}) do before[node.id] = node.addr end
    c.net:stale_dns(c.params.stale)
    for _, node in ipairs(c:nodes{}) do
      node:replace{ identity = "stable", volume = "keep", grace = 0 }
    end
    c:wait(function() return c:leader() ~= nil end, "3m", "the three find each other at their new addresses")
    for _, node in ipairs(c:nodes{}) do
      c:check(node.addr ~= before[node.id], node.id .. " kept its address")
    end
    c:flush{ files = 1 }
    c:settle("3m")
    c:check(#c:manifest() == c.params.files + 1, "the manifest lost something")
  end,
}
