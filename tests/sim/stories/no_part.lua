-- Nodes that have no part in the cluster by their configuration: the story finds them so.
return {
  name = "no-part",
  about = "Without license nodes stand alone and do not listen; without secret a node does not start.",
  params = { licensed = true },
  cluster = function(params)
    return { writers = 1, readers = 2, license = { clustering = params.licensed },
             configs = { ["reader-2"] = { shared_secret = "" } } }
  end,
  run = function(c)
    if c.params.licensed then
      c:flush{ files = 2 }
      c:settle("1m")
      c:check(not c:node("reader-2"):up(), "no node without a secret")
      local answer = c:node("reader-2"):query{}
      c:check(answer.gated and not answer.complete, "a node that is down refuses queries")
      c:check(c:node("reader-1"):holds_all(), "the others do without it")
      return
    end
    c:check(c:leader() == nil, "nobody leads")
    for _, node in ipairs(c:nodes{}) do
      c:check(node:up(), node.id .. " runs")
      c:check(c:attacker{}:send(node, { type = "Heartbeat", node_id = "x" }) == nil, "no listener")
    end
    c:rotate{}
    c:settle("1m")
  end,
}
