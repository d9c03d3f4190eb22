-- Ack and body leave the origin in one piece, and the link behind it is narrow: the whole header may come with
-- the first bytes of the body, or a header of one answer with nothing. A reader that throws away what it
-- read beyond the header would fetch a hole; one that keeps too much would publish the next file's bytes.
return {
  name = "fetch-coalesced",
  about = "Bytes of the body that come in one piece with the ack belong to the body: nothing is lost or doubled "
    .. "at the border of the two.",
  phase = 2,
  params = { files = 30 },
  cluster = { writers = 1, readers = 2 },
  network = { bandwidth = "100Mbit/s" },

  run = function(c)
    c.net:segment("all", "all", { coalesce = true })
    local before = c:node("reader-1"):stats().body_bytes
    c:flush{ files = c.params.files, bytes = "0B..300KiB", every = "20ms" }
    c:settle("1m")
    local bytes = 0
    for _, entry in ipairs(c:manifest()) do bytes = bytes + entry.size_bytes end
    for _, reader in ipairs(c:readers()) do
      c:check(reader:stats().body_bytes - before == bytes, reader.id .. " took other than the bodies' bytes")
      c:check(reader:stats().checksum_mismatch == 0, reader.id .. " found a wrong hash")
    end
  end,
}
