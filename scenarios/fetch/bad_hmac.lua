-- Somebody reaches the peer port without the shared secret. No byte of a file may come back, and the
-- refusal must not tell whether the path it names exists.
return {
  name = "fetch-bad-hmac",
  about = "Fetches with a wrong MAC get no byte, and the refusal does not tell which paths exist: strangers "
    .. "learn nothing by asking.",
  phase = 2,
  params = {},
  cluster = { writers = 1, readers = 2 },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local a = c:attacker{ on_path = { writer, reader } }
    local cap
    c:go(function() cap = a:capture{ type = "FetchFile", from = reader, to = writer } end)
    local paths = c:flush{ files = 3 }
    c:settle("2m")
    c:check(cap ~= nil, "no fetch passed between reader and writer")
    if not cap then return end

    local forged = string.rep("0", 64)
    local function try(fields)
      fields.hmac, fields.bound_hmac = forged, forged
      return a:replay(cap, { to = writer, fields = fields })
    end
    local known = try{ nonce = string.rep("a", 64), path = paths[1] }
    local unknown = try{ nonce = string.rep("b", 64), path = "db/cpu/no-such-file.parquet" }
    for name, reply in pairs{ known = known, unknown = unknown } do
      c:check(reply.status == "error", "a forged MAC was accepted for a path that is " .. name)
      c:check(reply.body_bytes == 0, "body bytes for a forged MAC")
    end
    c:check(known and unknown, "there was no answer")
    c:check((known and known.code) == (unknown and unknown.code), "the code tells if a path exists")
    c:check((known and known.error) == (unknown and unknown.error), "the text tells if a path exists")

    -- And the honest go on as before.
    c:flush{ files = 1 }
    c:settle("2m")
  end,
}
