-- n:hostile as a scenario writes it: which fetches it meets, when it begins and when it ends.
local stories = {}

-- A second writer holds what readers can only have from the hostile first one, or from nobody.
local function stats(c, key)
  local sum = 0
  for _, reader in ipairs(c:readers()) do sum = sum + reader:stats()[key] end
  return sum
end

local function all_hold(c)
  for _, reader in ipairs(c:readers()) do
    if not reader:holds_all() then return false end
  end
  return true
end

-- Only the writer has the files, so no reader gets one while it misbehaves; afterwards all do.
function stories.kind(c)
  local writer = c:node("writer-1")
  writer:hostile{ kind = c.params.kind, after_bytes = c.params.after >= 0 and c.params.after or nil }
  writer:flush{ files = 3, bytes = "200KiB" }
  c:sleep("20s")
  c:check(not all_hold(c), c.params.kind .. " changed nothing")
  c:check(stats(c, "pulled") == 0, "a file was pulled from a hostile peer")
  local mismatches = stats(c, "checksum_mismatch")
  c:check((mismatches > 0) == c.params.mismatch, mismatches .. " mismatches")
  writer:hostile(nil)
  c:settle("10m")
end

-- Honest peers have the files too: the hostile one costs tries, not files.
function stories.contained(c)
  local writer, liar = c:node("writer-1"), c:node("reader-1")
  writer:flush{ files = 3, bytes = "200KiB" }
  c:settle("2m")
  writer:hostile{ kind = c.params.kind }
  local fresh = c:add{ role = "reader" }
  c:wait(function() return fresh:ready() end, "5m", "the new reader found no honest peer")
  c:check(fresh:holds_all(), "the new reader lacks files")
  c:check(liar:holds_all(), "files were lost")
end

-- Never by chance, and half of the time by chance.
function stories.chance(c)
  local writer = c:node("writer-1")
  writer:hostile{ kind = "not-found-lie", p = 0 }
  writer:flush{ files = 4, bytes = "10KiB" }
  c:settle("5s")
  writer:hostile{ kind = "not-found-lie", p = 0.5 }
  writer:flush{ files = 20, bytes = "10KiB" }
  c:sleep("100ms")
  c:check(not all_hold(c), "no fetch of twenty met the misdeed")
  local held = 0
  for _, entry in ipairs(c:manifest()) do
    if c:node("reader-1"):has(entry.path) then held = held + 1 end
  end
  c:check(held > 4, "every fetch met the misdeed")
end

-- A list of exact paths, then a pattern that is found anywhere in the path.
function stories.paths(c)
  local writer, reader = c:node("writer-1"), c:node("reader-1")
  local function meets(paths, name)
    writer:hostile{ kind = "not-found-lie", paths = paths }
    local path = "db/" .. name .. ".parquet"
    writer:flush{ path = path, bytes = "10KiB" }
    c:sleep("200ms")
    return not reader:has(path)
  end
  c:check(meets({ "db/x.parquet", "db/one.parquet" }, "one"), "a listed path was served")
  c:check(not meets({ "db/one.parquet" }, "two"), "another path than the listed one was met")
  c:check(not meets({ "db/thre" }, "three"), "a listed path is no prefix")
  c:check(not meets({}, "four"), "an empty list means no path")
  c:check(meets("fi%w+%.parquet$", "five"), "the pattern was not found")
  c:check(not meets("^six", "six"), "an anchor holds")
end

-- for_ ends it; another call replaces the first with its end.
function stories.time(c)
  local writer, reader = c:node("writer-1"), c:node("reader-1")
  local number = 0
  local function is_served()
    number = number + 1
    local path = "db/" .. number .. ".parquet"
    writer:flush{ path = path, bytes = "10KiB" }
    c:sleep("200ms")
    return reader:has(path)
  end
  writer:hostile{ kind = "auth-lie", for_ = "2s" }
  c:check(not is_served(), "honest at once")
  c:sleep("2s")
  c:check(is_served(), "for_ did not end it")
  writer:hostile{ kind = "auth-lie", for_ = "2s" }
  writer:hostile{ kind = "manifest-lie" }
  c:sleep("3s")
  c:check(not is_served(), "the first call's end ended the second")
  writer:hostile(nil)
  c:check(is_served(), "nil does not make it honest")
  writer:hostile{ kind = "reset", for_ = "1h" }
  writer:restart{ down = "1s" }
  c:wait(function() return writer:ready() end, "1m", "the writer came back")
  c:check(not is_served(), "the next life was honest")
end

-- Nothing is taken back: the end of the story does it.
function stories.left_on(c)
  c:node("writer-1"):hostile{ kind = "stall" }
  c:node("writer-1"):flush{ files = 3, bytes = "200KiB" }
  c:sleep("5s")
  c:check(not all_hold(c), "stall changed nothing")
end

return {
  name = "hostile",
  about = "Misdeeds meet the fetches they are meant for, cost time only, and end when told.",
  params = { story = "kind", kind = "corrupt-body", after = -1, mismatch = false },
  cluster = { writers = 1, readers = 2 },
  run = function(c) stories[c.params.story](c) end,
}
