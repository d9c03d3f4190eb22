-- Whoever has no secret learns nothing by trying: whether a file exists, whether a path is even one, whether
-- the clock or the MAC was wrong. All refusals are the same frame, and none is given sooner than the others.
return {
  name = "security-refusals-alike",
  about = "Everything that cannot authenticate gets one and the same answer, whatever path it names and whatever is "
    .. "wrong with it.",
  phase = 2,
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",

  run = function(c)
    local writer = c:node("writer-1")
    local path = c:flush{ files = 1, bytes = "100KiB" }[1]
    c:settle("1m")
    local a = c:attacker{}
    local now_s = 1775923200 + math.floor(c:now())
    local tries = {
      { path = path }, { path = "db/none.parquet" }, { path = "" }, { path = "/etc/passwd" }, { path = "../x/y" },
      { path = "a/../b" }, { path = "a\0b/c" }, { path = string.rep("x", 5000) }, { path = path, nonce = "" },
      { path = path, hmac = "" }, { path = path, hmac = "zz" }, { path = path, hmac = string.rep("F", 4000) },
      { path = path, timestamp = now_s - 301 }, { path = path, timestamp = now_s + 301 }, { path = path, timestamp = 0 },
      { path = path, timestamp = math.mininteger }, { path = path, timestamp = math.maxinteger },
      { path = path, node_id = "" }, { path = path, node_id = "nobody" }, { path = path, node_id = "writer-1" },
      { path = path, byte_offset = -1 }, { path = path, byte_offset = math.maxinteger },
    }
    local first
    for row, try in ipairs(tries) do
      local message = { type = "FetchFile", node_id = "reader-1", nonce = string.rep("0", 63) .. row % 10,
        timestamp = now_s, hmac = string.rep("0", 64) }
      for key, value in pairs(try) do message[key] = value end
      local reply = a:send(writer, message)
      c:check(reply ~= nil, "try " .. row .. " was not answered")
      if not reply then return end
      local said = { reply.type, reply.status, reply.code, reply.error, reply.size_bytes, reply.sha256, reply.body_bytes }
      first = first or said
      for field, value in ipairs(said) do
        c:check(value == first[field], "try " .. row .. " was told " .. tostring(value) .. ", not " .. tostring(first[field]))
      end
    end
    c:check(first[2] == "error" and first[7] == 0, "a stranger was served")
    c:flush{ files = 1 }
    c:settle("1m")
  end,
}
