-- Two clusters that know nothing of each other, each with a secret of its own, take addresses from one
-- pool. While names are stale, both are rotated at once and talk to each other by mistake. A
-- message of the other side fails by its secret before anybody looks at the name of the cluster.
local watch = require "_crossing"

return {
  name = "security-other-cluster-own-secret",
  about = "Two clusters that swap addresses while names are stale refuse each other and end whole.",
  phase = 3,
  params = { files = 10 },
  cluster = { name = "prod", readers = 2 },
  closing = "short",

  run = function(c)
    local o = c:cluster{ name = "partner", readers = 2, share_secret = false }
    c:flush{ files = c.params.files }
    o:flush{ files = c.params.files }
    c:settle("1m")
    o:settle("1m")
    local out = watch(c, c, o, { "JoinRequest", "Heartbeat", "AppendEntries" })
    local back = watch(c, o, c, { "JoinRequest", "Heartbeat", "AppendEntries" })

    c.net:stale_dns("30s", { reuse = true })
    local is_over = false
    c:go(function()
      o:rotate{}
      is_over = true
    end)
    c:rotate{}
    c:wait(function() return is_over end, "5m", "the partner was rotated")
    c:flush{ files = c.params.files }
    o:flush{ files = c.params.files }
    c:settle("2m")
    o:settle("2m")

    c:check(out.Heartbeat > 0 and back.Heartbeat > 0, "the clusters never met")
    c:sometimes("a node asks the other cluster to let it in", out.JoinRequest + back.JoinRequest > 0)
    c:sometimes("consensus reaches the other cluster", out.AppendEntries + back.AppendEntries > 0)
    c:check(#c:manifest() == 2 * c.params.files, "files of prod")
    c:check(#o:manifest() == 2 * c.params.files, "files of the partner")
  end,
}
