-- A writer's own file waits in its full pull queue to be looked at, and is damaged meanwhile. The node
-- hashed it when it wrote it, and the disk says that nothing has changed: it cannot know.
return {
  name = "damage-in-queue",
  about = "Damage under a verdict that the node remembers is excused until it reads the file again.",
  cluster = { writers = 2, readers = 1, config = { replication_pull_workers = 1 } },
  run = function(c)
    local writer, other, reader = c:node("writer-1"), c:node("writer-2"), c:node("reader-1")
    c.net:link(other, writer, { bandwidth = "10kB/s" })
    other:flush{ bytes = "100KiB" }
    c:sleep("1s")
    local path = writer:flush{ bytes = "1KiB" }[1]
    c:wait(function() return reader:has(path) end, "1m", "the reader did not get it")
    writer:corrupt(path, { kind = "flip" })
    c:check(not writer:has(path), "it is not damaged")
    c.net:link(other, writer, {})
    c:sleep("1m")
    c:check(not writer:has(path), "the node read it again")
    writer:restart()
    c:wait(function() return writer:has(path) end, "1m", "its next life did not mend it")
  end,
}
