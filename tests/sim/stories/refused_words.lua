-- n:propose shows the answer that the peer gave, in its words, whichever node proposed.
return {
  name = "refused-words",
  about = "A refusal reaches the scenario as the leader worded it.",
  cluster = { writers = 1, readers = 1, compactors = 1 },
  run = function(c)
    local bad = { type = "RegisterFile", path = "../x", size_bytes = 1 }
    local here = c:node("writer-1"):propose(bad)
    local there = c:node("compactor-1"):propose(bad)
    local reader = c:node("reader-1"):propose(bad)
    local strange = c:node("compactor-1"):propose{ type = 99 }
    c:check(here.code == "apply_failed" and here.error ~= "", "the leader's own")
    c:check(there.code == here.code and there.error == here.error, "forwarded: " .. there.error)
    c:check(reader.code == "auth" and reader.error == "unauthorized role", "role: " .. reader.error)
    c:check(strange.error == "command type not allowed via forwarding", "type: " .. strange.error)
  end,
}
