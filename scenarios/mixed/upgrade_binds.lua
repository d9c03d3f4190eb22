-- Nodes that were upgraded while an older one led are in its table without the bit that demands their second
-- MACs: it does not know the key. They say it again to the first leader that does, without a restart; until
-- then what is stripped off their requests would be missed by nobody.
return {
  name = "mixed-upgrade-binds",
  about = "After a rolling upgrade every node's requests need their second MAC, also those of nodes that joined "
    .. "while an older one led.",
  params = {},
  cluster = { writers = 1, readers = 3, release = "arc" },
  closing = "short",
  expect = { accept = { "arc" } },

  run = function(c)
    local writer, reader, other = c:node("writer-1"), c:node("reader-1"), c:node("reader-2")
    c:check(c:leader().id == writer.id, "the older writer does not lead")
    c:rotate{ release = "current", nodes = { "reader-1", "reader-2", "reader-3" }, grace = "30s" }
    c:check(c:leader().release == "arc", "no older node leads the upgraded ones")
    c:rotate{ release = "current", nodes = { "writer-1" }, grace = "30s" }
    writer, reader, other = c:node("writer-1"), c:node("reader-1"), c:node("reader-2")
    c:settle("1m")
    c:sleep("20s")
    local a = c:attacker{ on_path = { writer, reader } }
    local cap
    c:go(function() cap = a:capture{ type = "FetchFile", from = reader, to = writer } end)
    writer:flush{ files = 1, bytes = "100KiB" }
    c:settle("1m")
    c:check(cap ~= nil, "no fetch was captured")
    if not cap then return end
    local reply = a:replay(cap, { to = other, fields = { bound_hmac = "" } })
    c:check(not reply or reply.body_bytes == 0, "a fetch without its second MAC is served after the upgrade")
  end,
}
