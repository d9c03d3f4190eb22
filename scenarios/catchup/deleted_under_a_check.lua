-- A reader comes back and looks at all it has, file by file, on a slow disk. Meanwhile retention deletes
-- everything. The walk still has its page of the manifest, but what is no longer in the manifest is
-- nothing to look for: a file must not be reported as here while its copy is being removed.
return {
  name = "deleted-under-a-check",
  about = "A walk that is late does not report deleted files as present while their copies go.",
  phase = 3,
  params = { files = 40, slow = "20ms" },
  cluster = {
    writers = 1, readers = 2,
    config = { replication_queue_size = 4, replication_pull_workers = 1 },
  },

  run = function(c)
    local paths = c:flush{ files = c.params.files, bytes = "10KiB" }
    c:settle("5m")
    local reader = c:node("reader-1")
    reader:disk{ slow = c.params.slow }
    reader:restart{ down = "1s" }
    c:wait(function()
      local status = reader:status()
      return status and status.enqueued > 0
    end, "1m", "no walk began")
    for _, path in ipairs(paths) do
      c:go(function() c:delete(path) end)
    end
    c:sleep("5s")
    reader:disk{}
    c:wait(function() return reader:ready() end, "1m", "the reader is not ready")
    c:settle("5m")
  end,
}
