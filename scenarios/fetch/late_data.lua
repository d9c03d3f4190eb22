-- A reader gives up on a peer after its time-out and asks another. Then the first one's bytes come after all,
-- seconds late, and its close later still; by then the reader's workers are busy with other files, and
-- with low handles used again at once those bytes have the very number of a connection that is new.
return {
  name = "fetch-late-data",
  about = "Bytes that come after the reader gave up belong to nobody: they never reach another file, also not "
    .. "under a reused handle.",
  phase = 3,
  params = { rounds = 5 },
  cluster = { writers = 1, readers = 3, config = { replication_fetch_timeout_ms = 2000 } },
  closing = "short",

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    c.net:reuse_handles(true)
    for _ = 1, c.params.rounds do
      c.net:late(writer, reader, "2500ms")
      local paths = c:flush{ files = 6, bytes = "50KiB..500KiB", every = "300ms" }
      c:check(not reader:has(paths[#paths]), "nothing was late")
      c:sleep("10s")
      for _, path in ipairs(reader:files()) do c:check(reader:has(path), "foreign bytes in " .. path) end
      c:check(reader:has(paths[1]), "no other peer was asked after the time-out")
      c.net:heal()
      c:settle("2m")
    end
  end,
}
