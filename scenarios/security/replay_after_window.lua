-- A fetch that never arrived is kept by whoever stopped it: no server has seen its nonce. Within 300 s of its
-- stamp it is still a good request, once; after that it is refused for its age, in every release, and age
-- is looked at before anything else. A restart of the server, which forgets all nonces, changes nothing.
return {
  name = "security-replay-after-window",
  about = "A request that was held back is refused once its stamp is more than 300 s old, also by a process that "
    .. "knows no nonce.",
  phase = 2,
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local a = c:attacker{ on_path = { writer, reader } }
    local cap
    c:go(function() cap = a:capture{ type = "FetchFile", from = reader, to = writer } end)
    a:drop{ type = "FetchFile", from = reader, to = writer, for_ = "5s" }
    c:flush{ files = 1, bytes = "100KiB" }
    c:sleep("1s")
    c:check(cap ~= nil, "no fetch passed")
    c:check(#reader:files() == 0, "the request was not held back")
    if not cap then return end
    c:settle("5m")
    c:sleep(302 - c:now())
    local late = a:replay(cap, { to = writer })
    c:check(late and late.status == "error" and late.error == "authentication failed", "an old request was served")
    c:check(late and late.body_bytes == 0, "body bytes for an old request")
    writer:restart{ down = "1s" }
    c:wait(function() return writer:ready() end, "1m", "the writer did not come back")
    local later = a:replay(cap, { to = writer })
    c:check(later and later.status == "error", "a restarted server served an old request")
  end,
}
