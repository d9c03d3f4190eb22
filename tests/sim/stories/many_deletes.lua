-- Retention removes a great many files at one moment.
return {
  name = "many-deletes",
  about = "However many files are deleted at once, no node keeps a copy of one.",
  params = { files = 1200 },
  limit = "2h",
  cluster = function(params)
    return { writers = 1, readers = 1, config = { replication_queue_size = 5000 } }
  end,
  run = function(c)
    local paths = c:node("writer-1"):flush{ files = c.params.files, bytes = 100 }
    c:wait(function() return c:node("reader-1"):holds_all() end, "5m", "the reader has all")
    for _, path in ipairs(paths) do
      c:go(function() c:delete(path) end)
    end
    c:sleep("30s")
  end,
}
