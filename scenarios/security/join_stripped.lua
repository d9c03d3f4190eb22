-- What the bound MACs of fetches are worth depends on one bit of a node's record, which its join sets. A join
-- without that bit, made from one of the node's own, and no fetch of it has to carry a second MAC any more:
-- what was captured at one server is served by the next one.
return {
  name = "security-join-stripped",
  about = "No captured join takes away the demand for second MACs: what is stripped of them is refused after "
    .. "it as before.",
  phase = 4,
  params = {},
  cluster = { writers = 2, readers = 3 },
  closing = "short",
  breaks = { arc = "scenario-check" },

  run = function(c)
    local leader, reader, other = c:node("writer-1"), c:node("reader-1"), c:node("reader-2")
    local a = c:attacker{ on_path = { leader, reader } }
    local joins, fetch = {}, nil
    for _, node in ipairs{ other, c:node("writer-2"), c:node("reader-3") } do
      local listener = c:attacker{ on_path = { reader, node } }
      c:go(function() joins[#joins + 1] = listener:capture{ type = "JoinRequest", from = reader, to = node } end)
    end
    a:drop{ type = "JoinRequest", from = reader, to = leader, for_ = "8s" }
    reader:kill()
    c:sleep("2s")
    reader:start()
    c:wait(function() return reader:ready() and #joins > 0 end, "2m", "the reader came back")
    c:go(function() fetch = a:capture{ type = "FetchFile", from = reader, to = leader } end)
    c:flush{ files = 1, bytes = "100KiB" }
    c:settle("1m")
    c:check(fetch ~= nil, "no fetch was captured")
    if not fetch then return end
    for _, join in ipairs(joins) do
      a:replay(join, { to = leader, fields = { bound_fetch = false, bound_hmac = "" } })
    end
    c:sleep("2s")
    local reply = a:replay(fetch, { to = other, fields = { bound_hmac = "" } })
    c:check(not reply or reply.body_bytes == 0, "a fetch without its second MAC is served")
    c:settle("1m")
  end,
}
