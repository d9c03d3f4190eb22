-- The reader's disk takes 300 ms for everything, and now and then stands still for seconds, while a backlog of
-- files and fresh ones come. Catch-up is slow then, and nothing else: the log is applied at its pace, the
-- node is heard of, leaders do not change, other readers do not wait for it.
return {
  name = "catchup-slow-disk",
  about = "A reader on a slow disk catches up late, keeps applying the log meanwhile, and holds nobody else up.",
  phase = 3,
  params = { files = 60, slow = "300ms" },
  cluster = { writers = 1, readers = 3 },
  closing = "short",

  run = function(c)
    local reader, other, leader = c:node("reader-1"), c:node("reader-2"), c:leader()
    local old = c:flush{ files = c.params.files, bytes = "16KiB" }
    c:settle("1m")
    reader:kill{}
    reader = reader:replace{ identity = "stable", volume = "lost", grace = 0 }
    reader:disk{ slow = c.params.slow }
    c:wait(function() return reader:up() end, "5m", "it never came up")
    c:every("15s", function() reader:disk{ stuck = "6s" } end)
    local paths = c:flush{ files = 20, every = "500ms" }
    c:sleep("5s")
    for _, path in ipairs(paths) do c:check(other:has(path), "another reader waits for " .. path) end
    c:wait(function() return reader:ready() end, "15m", "the slow reader never became ready")
    c:check(c:now() > 20, "the disk was not slow: nothing is shown")
    for _, path in ipairs(old) do c:check(reader:has(path), "ready without " .. path) end
    c:check(c:leader() == leader, "the leader changed because a reader's disk is slow")
  end,
}
