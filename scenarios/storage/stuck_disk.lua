-- A disk stops completing anything for a minute, first a reader's, then the origin's while it serves. Nothing
-- is lost by waiting; fetches from the stuck origin run into their time-outs and go to the other reader. A node
-- that is told to stop meanwhile stops in time: no operation of a disk is waited for without a limit.
return {
  name = "storage-stuck-disk",
  about = "A disk that stands still holds up its own node, for as long as it does; peers go elsewhere and a stop is "
    .. "in time.",
  phase = 3,
  params = { stuck = "1m" },
  cluster = { writers = 1, readers = 3, config = { replication_fetch_timeout_ms = 5000 } },
  closing = "short",

  run = function(c)
    local writer, reader, other = c:node("writer-1"), c:node("reader-1"), c:node("reader-2")
    reader:disk{ stuck = c.params.stuck }
    local paths = c:flush{ files = 10, bytes = "10KiB..100KiB", every = "100ms" }
    c:sleep("5s")
    c:check(not reader:has(paths[10]), "the disk was not stuck: nothing is shown")
    for _, path in ipairs(paths) do c:check(other:has(path), "another reader waits for " .. path) end
    c:settle("5m")

    reader:stop{}
    local late = c:flush{ files = 3 }
    c:settle("1m")
    writer:disk{ stuck = "2m" }
    reader:start{}
    c:wait(function() return reader:ready() end, "90s", "it waits for the stuck origin though others have the files")
    for _, path in ipairs(late) do c:check(reader:has(path), "ready without " .. path) end

    other:disk{ stuck = "5m" }
    c:sleep("1s")
    local began_s = c:now()
    other:stop{ grace = "30s" }
    c:check(c:now() - began_s <= 9, "a stop waited " .. c:now() - began_s .. " s for a stuck disk")
    other:disk{}
    other:start{}
    c:settle("10m")
  end,
}
