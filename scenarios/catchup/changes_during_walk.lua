-- A reader that lost its disk walks the manifest while everything moves under it: retention deletes what it
-- passed and what it has not reached, files change under their names, new ones come, and the leader falls
-- twice. The walk must neither end early nor visit what is gone for ever; in the end there is one truth.
return {
  name = "catchup-changes-during-walk",
  about = "Deletions, rewrites, new files and new leaders during a walk: it ends, once, and ready means everything.",
  phase = 4,
  params = { files = 200 },
  network = { bandwidth = "50Mbit/s" },
  cluster = { writers = 2, readers = 3, config = { replication_queue_size = 16, replication_pull_workers = 2 } },
  closing = "short",
  breaks = { arc = "converges" },

  run = function(c)
    local reader = c:node("reader-1")
    local paths = c:flush{ files = c.params.files, bytes = "4KiB..32KiB" }
    c:settle("5m")
    reader:kill{}
    reader = reader:replace{ identity = "stable", volume = "lost", grace = 0 }
    c:wait(function() return reader:up() and #reader:files() > 5 end, "2m", "it pulls nothing")
    c:check(not reader:ready(), "ready before the walk is over")
    local gone, changed = {}, {}
    for row, path in ipairs(c.rng:shuffle(paths)) do
      if row <= c.params.files // 4 then
        c:delete(path)
        gone[path] = true
      elseif row <= c.params.files // 3 and c:node("writer-1"):has(path) then
        c:node("writer-1"):rewrite(path, { bytes = "1KiB..40KiB" })
        changed[#changed + 1] = path
      end
      if row == 20 or row == 45 then c:force_election() end
    end
    c:flush{ files = 10 }
    c:wait(function() return reader:ready() end, "5m", "the walk never ended")
    c:settle("5m")
    for _, path in ipairs(reader:files()) do c:check(not gone[path], path .. " was deleted, and pulled afterwards") end
    for _, path in ipairs(changed) do
      c:check(reader:sha256(path) == c:node("writer-1"):sha256(path), "an old version of " .. path .. " was pulled")
    end
  end,
}
