-- A goodbye from an earlier life is sent again, by somebody who kept it.
return {
  name = "old-goodbye",
  about = "A leave notice of an earlier life does nothing to the present one.",
  limit = "30m",
  cluster = { writers = 2, readers = 1 },
  run = function(c)
    local leader, reader = c:node("writer-1"), c:node("reader-1")
    local a = c:attacker{ on_path = { leader, reader } }
    local goodbye
    c:go(function() goodbye = a:capture{ type = "LeaveNotify", from = reader, to = leader } end)
    reader:stop{}
    c:sleep("2s")
    reader:start{}
    c:wait(function() return reader:ready() end, "1m", "the reader is back")
    c:sleep("5s")
    c:check(goodbye ~= nil, "no goodbye was seen")
    if goodbye == nil then return end
    a:replay(goodbye, { to = leader })
    c:sleep("100ms")
    leader:flush{ files = 3, bytes = "1KiB" }
    c:sleep("500ms")
    c:check(reader:holds_all() and #reader:files() == 3, "the reader is out of the cluster")
    c:settle("10m")
  end,
}
