-- A reader's request to join is seen on the wire, and sent again with another address in it. The MAC is
-- over the name and the time alone, and nobody remembers its nonce: the leader now tells everybody to
-- look for the reader where the attacker says.
return {
  name = "reference-join-rewritten",
  about = "In older releases a captured join can be sent again with another address: everybody then looks for "
    .. "the node where the attacker says.",
  params = {},
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "no-replay", phase3 = "no-replay", phase2 = "no-replay" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local a = c:attacker{ on_path = { writer, reader } }
    local cap
    c:flush{ files = 1 }
    c:settle("1m")
    c:go(function() cap = a:capture{ type = "JoinRequest", from = reader, to = writer } end)
    reader:stop{}
    reader:start{}
    c:settle("1m")
    c:check(cap ~= nil, "no join passed")
    if not cap then return end
    local address = reader.addr
    local other = address:gsub("^%d+", "99")
    a:send(writer, (cap.bytes:gsub(address:gsub("%p", "%%%0"), other)))
    c:flush{ files = 2 }
    c:sleep("1m")
  end,
}
