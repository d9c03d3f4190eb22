-- An attacker keeps a request, waits until its stamp is stale, and then somebody sets the server's clock
-- back by ten minutes: the stamp is fresh again. A server that keeps nonces for a fixed time, or not at
-- all, serves it a second time. One that knows which stamps it may have forgotten does not.
return {
  name = "clock-jump-back-replay",
  about = "Setting a server's clock back does not make used requests good again: nothing is served twice.",
  phase = 3,
  params = { back = "10m" },
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { arc = "no-replay", phase3 = "no-replay", phase2 = "no-replay" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local a = c:attacker{ on_path = { writer, reader } }
    local cap
    c:go(function() cap = a:capture{ type = "FetchFile", from = reader, to = writer } end)
    local paths = c:flush{ files = 1, bytes = "100KiB" }
    c:settle("1m")
    c:check(cap ~= nil, "no fetch passed")
    if not cap then return end
    c:sleep("10m")
    c:flush{ files = 2 } -- whatever sweeps its memory from within a call has one now
    c:settle("1m")
    local stale = a:replay(cap, { to = writer })
    c:check(stale and stale.status ~= "ok", "a request ten minutes old was not refused for its time")
    writer:clock{ jump = "-" .. c.params.back }
    local again = a:replay(cap, { to = writer })
    c:check(again and again.status ~= "ok", "the clock went back, and the used request was served again")
    c:check(again and again.body_bytes == 0, "body bytes for a used request")
    writer:clock{ jump = c.params.back }
    c:settle("5m")
    c:check(reader:has(paths[1]), "the file is gone")
  end,
}
