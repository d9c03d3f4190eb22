-- The way back of nodes that died. Nobody heard a goodbye, so to the others they still are what they were, and
-- whoever says otherwise could be somebody who took the second MAC off one of their joins. The node that kept
-- its folder knows the others by it: stopped in order, it says goodbye for the life that could not. The one
-- with an empty folder knows nobody: an operator takes its record away.
return {
  name = "mixed-downgrade-after-crash",
  about = "A node of `current` that crashed and comes back as `arc` is refused until it was stopped in order once, "
    .. "or its record was removed; then it joins and misses nothing.",
  params = { refused_for = "30s" },
  cluster = { writers = 1, readers = 4, release = "current" },
  closing = "short",
  expect = { accept = { "arc" } },

  run = function(c)
    local writer, kept, emptied = c:node("writer-1"), c:node("reader-1"), c:node("reader-2")
    writer:flush{ files = 2 }
    c:settle("1m")
    kept:kill()
    emptied:kill()
    c:sleep("2s")
    kept:start{ release = "arc" }
    emptied = emptied:replace{ identity = "stable", volume = "lost", grace = "0s", release = "arc" }
    local paths = writer:flush{ files = 2 }
    c:sleep(c.params.refused_for)
    c:check(not kept:holds_all(), "a node that nobody knows as older was served as one")
    c:check(not emptied:holds_all(), "an empty node that nobody knows as older was let in")
    kept:restart{ down = "1s" }
    c:check(writer:propose{ type = "RemoveNode", node_id = emptied.id }.status == "ok", "the record stays")
    for _, path in ipairs(writer:flush{ files = 2 }) do paths[#paths + 1] = path end
    c:wait(function() return kept:holds_all() and emptied:holds_all() end, "2m", "the older nodes got their files")
    for _, path in ipairs(paths) do
      c:check(kept:has(path) and emptied:has(path), "an older node lacks " .. path)
    end
  end,
}
