-- Names that only look odd: dots that are no traversal, blanks, quotes, percent signs, control bytes, words in
-- other alphabets, components of 250 bytes, names that look like staging files or like hashes, deep folders.
-- Each has to survive JSON, the MAC, the manifest's order, the file system, and a restart.
return {
  name = "fetch-odd-names",
  about = "Whatever a relative path may contain survives wire, MAC, manifest and disk: odd names are names.",
  phase = 4,
  params = {},
  cluster = { writers = 1, readers = 2 },

  run = function(c)
    local names = {
      "db/a..b.parquet", "db/..c.parquet", "db/.hidden", "db/ blank .parquet", "db/quote\".parquet", "db/back\\slash",
      "db/per%cent%2f.parquet", "db/tab\tnew\nline", "db/bell\7", "db/<tag>&amp;", "db/\u{65e5}\u{672c}/\u{2028}.parquet",
      "db/x.parquet.part", "db/.arc-12345.tmp", "db/" .. string.rep("0", 64), "db/" .. string.rep("n", 250),
      string.rep("d/", 200) .. "deep.parquet", "DB/a", "db/A", "db/a", "db/~", "db/-rf", "db/*", "con/nul", "db/\u{7f}",
      "db/1e9", "db/null", "db/true", "db/{}",
    }
    for index, name in ipairs(names) do
      local made = c:flush{ path = name, bytes = 1000 + index }
      c:check(#made == 1 and made[1] == name, "not stored: " .. string.format("%q", name))
    end
    c:settle("1m")
    c:check(#c:manifest() == #names, "the manifest has " .. #c:manifest() .. " of " .. #names)
    for _, reader in ipairs(c:readers()) do
      for _, name in ipairs(names) do c:check(reader:has(name), reader.id .. " lacks " .. string.format("%q", name)) end
      c:check(#reader:files() == #names, reader.id .. " has other names than these")
    end
    c:node("reader-1"):restart{ down = "1s" }
    c:delete(names[1])
    c:delete(names[#names])
    c:settle("1m")
    c:check(not c:node("reader-2"):has(names[1]), "an odd name was not removed")
  end,
}
