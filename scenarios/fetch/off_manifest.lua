-- The manifest, not the disk, says what may be served. A file that was never registered lies on the
-- writer's disk, and a registered one is deleted while its bytes are still there: neither may leave
-- the node, not even for a request whose MAC is right.
return {
  name = "fetch-off-manifest",
  about = "Files on disk that are not in the manifest are neither served nor replicated: the manifest, not the "
    .. "disk, says what may leave a node.",
  phase = 2,
  params = {},
  cluster = { writers = 1, readers = 2 },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local stray = "db/cpu/stray.parquet"
    writer:put(stray, "64KiB")
    local a = c:attacker{ on_path = { writer, reader } }
    local cap
    c:go(function() cap = a:capture{ type = "FetchFile", from = reader, to = writer } end)
    c:flush{ files = 2 }
    c:settle("2m")

    for _, node in ipairs(c:readers()) do
      c:check(not node:has(stray), node.id .. " pulled a file that nobody registered")
    end
    c:check(writer:query{}.duplicated == 0, "the stray file was compacted into nothing, and counts as a copy")
    c:check(cap ~= nil, "no fetch passed between reader and writer")
    if not cap then return end

    local deleted = c:delete(cap.fields.path)
    c:check(deleted.status == "ok", "the deletion was refused: " .. tostring(deleted.error))
    local reply = a:replay(cap, { to = writer })
    c:check(reply and reply.status == "error", "a deleted file was served, or nobody answered")
    c:check(reply and reply.body_bytes == 0, "body bytes of a deleted file")
    c:settle("2m")
    for _, entry in ipairs(c:manifest()) do
      c:check(entry.path ~= cap.fields.path, "the deleted file is in the manifest")
    end
  end,
}
