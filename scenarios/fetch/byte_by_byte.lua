-- TCP promises bytes, not pieces. Every stream of the cluster arrives one byte at a time, then in pieces
-- that cut frames and numbers in their middle, then with each ack and the body behind it in one. The same
-- files come out each time, no sooner than they are whole, and no byte between header and body is lost.
return {
  name = "fetch-byte-by-byte",
  about = "However the stream is cut, header and body come apart at the right byte and files arrive intact.",
  phase = 2,
  params = {},
  cluster = { writers = 1, readers = 2 },
  closing = "short",

  run = function(c)
    local cuts = { { sizes = { 1 } }, { sizes = { 3, 1, 4, 1, 5, 9, 2, 6 } }, { sizes = { 4096, 1 } }, { coalesce = true } }
    local pieces_min = { 20000, 5000, 0, 0 } -- of the largest file alone
    for row, cut in ipairs(cuts) do
      local before = c:events("reader-1")
      c.net:segment("all", "all", cut)
      local paths = {}
      for _, size in ipairs{ 0, 1, 4, 5, "1KiB", 20000 } do
        paths[#paths + 1] = c:flush{ files = 1, bytes = size }[1]
      end
      c:settle("5m")
      c:check(c:events("reader-1") - before > pieces_min[row], "the stream came in larger pieces")
      for _, reader in ipairs(c:readers()) do
        for _, path in ipairs(paths) do c:check(reader:has(path), reader.id .. " lacks " .. path) end
        c:check(reader:stats().failed == 0, reader.id .. " failed because of how bytes arrive")
      end
      c.net:heal()
    end
  end,
}
