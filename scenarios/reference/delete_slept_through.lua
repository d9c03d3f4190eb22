-- A reader is down while a file is deleted. The entry is gone from the manifest when it comes back, and
-- nothing in the reference compares the disk with it: the file stays for good.
return {
  name = "reference-delete-slept-through",
  about = "In `arc` a deletion that happened while a node was down never reaches its disk, and its rows come "
    .. "back; `current` remembers deletions.",
  params = {},
  cluster = { writers = 1, readers = 2, config = { raft_snapshot_threshold = 10, raft_snapshot_interval = 1 } },
  closing = "short",
  breaks = { arc = "no-resurrection" },

  run = function(c)
    local reader = c:node("reader-1")
    local paths = c:flush{ files = 3 }
    c:settle("1m")
    reader:stop{}
    c:delete(paths[2])
    c:flush{ files = 60, every = "100ms" }
    c:sleep("30s")
    reader:start{}
    c:sleep("2m")
    for _, path in ipairs(reader:files()) do
      c:check(path ~= paths[2], "the deleted file is still on the reader's disk")
    end
  end,
}
