-- The origin's copy of a file is damaged. After a checksum mismatch the reference leaves the attempt
-- and begins the next at the same first peer: the origin is asked three times, nobody else ever,
-- although another reader holds the file intact.
return {
  name = "reference-mismatch-burns-attempts",
  about = "In phase 3 and `arc` all attempts go to the one peer whose bytes are wrong; `current` reaches the "
    .. "intact copy with the second.",
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { arc = "converges", phase3 = "converges" },

  run = function(c)
    local writer = c:node("writer-1")
    local paths = c:flush{ files = 3 }
    c:settle("1m")
    writer:corrupt(paths[2], { kind = "flip" })
    local fresh = c:add{ role = "reader" }
    c:sleep("2m")
    c:sometimes("intact-copy-found", fresh:has(paths[2]))
  end,
}
