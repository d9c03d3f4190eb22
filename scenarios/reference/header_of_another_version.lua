-- A file is written again twice in quick succession, with the same size. A reader that holds the first
-- version hears of the second and asks for it when its peers already have the third: their headers
-- disagree. The reference takes that for corruption, and deletes the version that it had.
return {
  name = "reference-header-of-another-version",
  about = "In `arc` the honest header of a newer version makes a reader delete what it holds, at every update "
    .. "that spreads slowly.",
  params = {},
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "scenario-check" },

  run = function(c)
    local path = "db/cpu/2026/04/11/16/again.parquet"
    local reader = c:node("reader-1")
    local function is_there()
      for _, name in ipairs(reader:files()) do
        if name == path then return true end
      end
      return false
    end
    c:flush{ path = path, bytes = "1MiB" }
    c:settle("1m")
    c.net:link("writer-1", reader, { latency = "200ms" })
    c:flush{ path = path, bytes = "2MiB" }
    c:flush{ path = path, bytes = "2MiB" }
    for _ = 1, 300 do
      c:sleep("20ms")
      if not is_there() then
        c:check(false, "the reader has no version at all for a while")
        break
      end
    end
    c:sleep("30s")
  end,
}
