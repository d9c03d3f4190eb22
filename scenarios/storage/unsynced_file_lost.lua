-- A writer loses power seconds after it wrote and registered files that nobody could fetch yet. Who syncs
-- before it registers finds them on its disk again. The reference syncs nothing: the manifest goes on
-- naming files that exist nowhere any more.
return {
  name = "storage-unsynced-file-lost",
  about = "Power loss soon after a flush takes files that older releases have registered for ever; `current` "
    .. "syncs before it registers.",
  params = { files = 3 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "crash-durable", phase3 = "crash-durable", phase2 = "crash-durable" },

  run = function(c)
    local writer = c:node("writer-1")
    c.net:refuse(writer)
    local paths = writer:flush{ files = c.params.files }
    c:sleep("5s")
    c:check(#c:manifest() == c.params.files, "not every file is registered")
    writer:kill{ host = true }
    c:sleep("1s")
    c.net:heal()
    writer:start{}
    c:wait(function() return writer:up() end, "1m", "the writer never came up")
    c:sleep("2m")
    for _, path in ipairs(paths) do
      c:check(writer:has(path), path .. " is gone from its origin")
    end
  end,
}
