-- Redis operator (spotahome) #550. Two clusters on one Kubernetes, members known to each other by address. A pod of one
-- was rescheduled, its address went to a pod of the other, and who still dialled it was taken in: sentinels
-- of both became one group, elected one master, and replicated its data over the other cluster's. A complete
-- loss, in production, with nothing broken anywhere.
--
-- Here: two clusters of three share one network and, worse than there, one secret. The pods of both are
-- rescheduled, names are resolved to old addresses for a minute, and those belong to pods of the other
-- cluster by then. Each has to stay what it was.
return {
  name = "incident-two-clusters-one-address",
  about = "A pod that dials an old address reaches another cluster's pod, and neither cluster takes in anything of the other.",
  params = { stale = "60s", files = 15 },
  cluster = { name = "blue", writers = 1, readers = 2 },
  closing = "short",

  run = function(c)
    local green = c:cluster{ name = "green", writers = 1, readers = 2, share_secret = true }
    c.net:stale_dns(c.params.stale, { reuse = true })
    c:flush{ files = c.params.files, database = "blue" }
    green:flush{ files = c.params.files, database = "green" }
    c:settle("1m")
    green:settle("1m")
    for _, id in ipairs{ "reader-1", "reader-2", "writer-1" } do
      for _, cluster in ipairs{ c, green } do
        local pod = cluster:node(id):replace{ identity = "stable", volume = "keep", grace = "5s" }
        cluster:wait(function() return pod:ready() end, "5m", id .. " came back")
      end
    end
    c:flush{ files = 5, database = "blue" }
    green:flush{ files = 5, database = "green" }
    c:settle("5m")
    green:settle("5m")
    for name, cluster in pairs{ blue = c, green = green } do
      c:check(#cluster:manifest() == c.params.files + 5, name .. " lists " .. #cluster:manifest() .. " files")
      for _, entry in ipairs(cluster:manifest()) do
        c:check(entry.path:match("^" .. name .. "/"), name .. " lists " .. entry.path)
      end
    end
  end,
}
