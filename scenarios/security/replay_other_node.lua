-- A fetch that reader-1 made to the writer is played to reader-2, who has the file too and has never seen
-- its nonce. Only a MAC that names the addressee tells reader-2 that it was not meant.
return {
  name = "security-replay-other-node",
  about = "A fetch is good at the node that it was made for, and nowhere else; in older releases every holder "
    .. "serves it.",
  phase = 2,
  params = {},
  cluster = { writers = 1, readers = 3 },
  closing = "short",
  breaks = { arc = "scenario-check", phase3 = "scenario-check", phase2 = "scenario-check" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local a = c:attacker{ on_path = { writer, reader } }
    local cap
    c:go(function() cap = a:capture{ type = "FetchFile", from = reader, to = writer } end)
    c:flush{ files = 1, bytes = "100KiB" }
    c:settle("1m")
    c:check(cap ~= nil, "no fetch passed")
    if not cap then return end
    for _, other in ipairs(c:readers()) do
      local reply = a:replay(cap, { to = other })
      c:check(not reply or reply.body_bytes == 0, other.id .. " served a fetch that was made to the writer")
    end
    c:flush{ files = 1 }
    c:settle("1m")
  end,
}
