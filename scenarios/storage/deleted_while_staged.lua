-- A reader is killed in the middle of a body, and the file is deleted while it is down. What lies half
-- written on its disk has no final name, so no listing shows it; it goes with the deletion all the
-- same, or disks would fill up with what nobody can ever ask for.
return {
  name = "deleted-while-staged",
  about = "What a killed pull left half written goes when the file turns out to be deleted.",
  phase = 3,
  params = { bytes = "2MiB" },
  cluster = { writers = 1, readers = 2 },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    c.net:link(writer, reader, { bandwidth = "1MiB/s" })
    local path = c:flush{ bytes = c.params.bytes }[1]
    c:sleep("1s")
    c:check(not reader:has(path), "the pull is over already")
    reader:kill{ host = false }
    c:delete(path)
    c.net:heal()
    reader:start()
    c:wait(function() return reader:ready() end, "1m", "the reader did not come back")
    c:settle("5m")
  end,
}
