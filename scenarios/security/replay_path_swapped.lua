-- The request is authentic, its path is not: somebody stops it on its way and asks for another file with
-- the same MAC. Paths are under the MAC in every release.
return {
  name = "security-replay-path-swapped",
  about = "The MAC of one path opens no other, not even when the request never arrived: a recording is no key "
    .. "to the store.",
  phase = 2,
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local a = c:attacker{ on_path = { writer, reader } }
    local paths = c:flush{ files = 2, bytes = "100KiB" }
    c:settle("1m")
    local cap
    c:go(function() cap = a:capture{ type = "FetchFile", from = reader, to = writer } end)
    a:drop{ type = "FetchFile", from = reader, to = writer, for_ = "5s" }
    c:flush{ files = 1, bytes = "100KiB" }
    c:sleep("1s")
    c:check(cap ~= nil, "no fetch passed")
    if not cap then return end
    c:check(not reader:has(cap.fields.path), "the request was not stopped")
    for _, path in ipairs(paths) do
      local reply = a:replay(cap, { to = writer, fields = { path = path } })
      c:check(reply and reply.status == "error", "the MAC of " .. cap.fields.path .. " opened " .. path)
      c:check(reply and reply.body_bytes == 0, "body bytes for a moved MAC")
    end
    c:settle("5m")
  end,
}
