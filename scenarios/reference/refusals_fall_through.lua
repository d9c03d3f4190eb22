-- The origin refuses a reader ("authentication failed", a broken disk, a path that it does not like). What
-- is written of these codes says that they end the attempt; what runs since phase 3 asks the next peer
-- all the same, and that is right: the file is there. Phase 2 has nobody else to ask.
return {
  name = "reference-refusals-fall-through",
  about = "An origin refuses everything: phase 2 never gets the file, later releases have it from a peer, "
    .. "whatever is written of the code.",
  params = { files = 3 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { phase2 = "liveness" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    reader:stop{}
    c:flush{ files = c.params.files }
    c:settle("1m")
    writer:hostile{ kind = "auth-lie" }
    reader:start{}
    c:wait(function() return reader:holds_all() end, "2m", "what the origin refuses was not found elsewhere")
  end,
}
