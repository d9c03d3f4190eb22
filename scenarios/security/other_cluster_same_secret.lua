-- Production and staging share a secret, as they should not, and a pool of addresses. Production is
-- rotated while names are stale: for a while its nodes ask staging to let them in, send it heartbeats
-- and consensus messages, and want files of it. The name of the cluster is in what they sign, so
-- staging refuses everything; neither cluster takes anything of the other, and both end whole. Releases
-- before phase 4 sign no heartbeats and believe these; security/other_cluster_replay.lua shows it.
local watch = require "_crossing"

return {
  name = "security-other-cluster-same-secret",
  about = "Nodes that reach another cluster with the same secret are refused, whatever they say.",
  phase = 3,
  params = { files = 20, stale = "20s" },
  cluster = { name = "prod", readers = 3, config = { replication_pull_workers = 4 } },
  run = function(c)
    local o = c:cluster{ name = "staging", readers = 2, share_secret = true }
    c:flush{ files = c.params.files }
    o:flush{ files = c.params.files }
    c:settle("1m")
    o:settle("1m")
    local seen = watch(c, c, o, { "JoinRequest", "Heartbeat", "FetchFile", "AppendEntries" })

    c.net:stale_dns(c.params.stale, { reuse = true })
    c:node("reader-1"):pause("8s")
    c:flush{ files = c.params.files }
    c:sleep("2s")
    c:node("writer-1"):replace{ grace = 0, volume = "keep", identity = "stable" }
    c:sleep("10s")
    c:rotate{ nodes = c:readers() }
    c:settle("2m")
    for kind, count in pairs(seen) do
      c:sometimes("reaches the other cluster: " .. kind, count > 0)
    end
    c:check(seen.Heartbeat > 0 and seen.FetchFile > 0, "the clusters never met")
    c:check(#c:nodes() == 4 and #o:nodes() == 3, "a node changed sides")
    c:check(#o:manifest() == c.params.files, "an entry changed sides")
  end,
}
