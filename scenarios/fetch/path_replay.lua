-- An attacker on the path sees an honest fetch and uses its MAC for another file, and then sends the
-- very same bytes again. The first must fail everywhere; the second is what the reference lets pass.
return {
  name = "fetch-path-replay",
  about = "A captured fetch is worth nothing, neither for another path nor a second time: who listens on the "
    .. "wire cannot read along.",
  phase = 2,
  params = {},
  cluster = { writers = 1, readers = 2 },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local a = c:attacker{ on_path = { writer, reader } }
    local cap
    c:go(function() cap = a:capture{ type = "FetchFile", from = reader, to = writer } end)
    local paths = c:flush{ files = 2 }
    c:settle("2m")
    c:check(cap ~= nil, "no fetch passed between reader and writer")
    if not cap then return end

    local other = cap.fields.path == paths[1] and paths[2] or paths[1]
    local moved = a:replay(cap, { to = writer, fields = { path = other } })
    c:check(moved and moved.status == "error", "the MAC of one path opened another, or nobody answered")
    c:check(moved and moved.body_bytes == 0, "body bytes for a moved MAC")

    local again = a:replay(cap, { to = writer, after = "1s" })
    c:sometimes("replayed-fetch-refused", not again or again.status ~= "ok")
    c:check(again and again.body_bytes == 0, "a fetch sent again byte for byte was served")
  end,
}
