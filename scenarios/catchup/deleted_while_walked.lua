-- A reader that lost its disk walks the manifest a page at a time while retention deletes files from it.
-- The walk then offers files that are gone: nobody has them, and no queue has room for all. What became
-- of them must not keep the reader from being ready, since no later pull of theirs will ever make it good.
return {
  name = "catchup-deleted-while-walked",
  about = "Files deleted while a reader walks over them do not keep it from becoming ready: what nobody owes "
    .. "any more must not hold up a start.",
  phase = 3,
  params = { files = 300 },
  network = { bandwidth = "20Mbit/s" },
  cluster = { writers = 1, readers = 2, config = { replication_queue_size = 4, replication_pull_workers = 2 } },

  run = function(c)
    local reader = c:node("reader-1")
    local paths = c:flush{ files = c.params.files, bytes = "16KiB" }
    c:settle("5m")
    reader:kill{}
    reader:replace{ identity = "stable", volume = "lost", grace = 0 }
    c:wait(function() return reader:up() and #reader:files() > 0 end, "2m", "it pulls nothing")
    c:check(not reader:ready(), "ready before the walk is over")
    for row = #paths, #paths // 3, -1 do c:delete(paths[row]) end
    c:wait(function() return reader:ready() end, "5m", "it never became ready")
    c:settle("5m")
  end,
}
