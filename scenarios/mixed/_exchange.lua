-- A writer of one release, readers of both: files reach everybody, and what the origin has lost is found
-- by those that ask others too.
return function(writer_release, seeker)
  return function(c)
    local writer = c:node("writer-1")
    c:check(writer.release == writer_release, "the writer runs as " .. writer.release)
    local paths = c:flush{ files = c.params.files }
    c:settle("1m")
    for _, node in ipairs(c:readers()) do
      c:check(node:holds_all(), node.id .. " (" .. node.release .. ") lacks files of a " .. writer_release)
    end

    -- The origin and a reader lose a file; the reader looks for it again when it starts. (The leader of
    -- the log brings it the entry once more.)
    local reader = c:node(seeker)
    reader = reader:replace{ identity = "stable", volume = "lost", grace = "30s" }
    writer:remove(paths[2])
    c:wait(function() return reader:has(paths[1]) end, "1m", "the reader got nothing from a " .. writer_release)
    c:wait(function() return reader:has(paths[2]) end, "1m", "what the origin had lost was not found elsewhere")
  end
end
