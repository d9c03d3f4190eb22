-- Until May 2026 the fields under a MAC are joined by ":". A file whose name has the cluster's name
-- between colons makes two requests one: what was signed for it opens another file too.
return {
  name = "reference-colon-in-path",
  about = "Phases 2 and 3 join signed fields by a colon, so one MAC is good for other fields too; today's "
    .. "delimiter cannot be in them.",
  params = {},
  cluster = { name = "prod", writers = 1, readers = 1 },
  closing = "short",
  breaks = { phase2 = "scenario-check", phase3 = "scenario-check" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local other = "db/cpu/2026/04/11/16/other.parquet"
    c:flush{ path = other }
    c:settle("1m")
    local a = c:attacker{ on_path = { writer, reader } }
    local cap
    c:go(function() cap = a:capture{ type = "FetchFile", from = reader, to = writer } end)
    c:flush{ path = "db/x:prod:" .. other }
    c:sleep("30s")
    if not cap then return end -- the name was refused
    local reply = a:replay(cap, { to = writer, fields = { node_id = "reader-1:prod:db/x", path = other } })
    c:check(not reply or reply.body_bytes == 0, "a file was served that nobody asked for")
  end,
}
