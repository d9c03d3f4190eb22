-- A reader was left behind by an upgrade across the change of the byte that separates signed fields. It
-- asks to be let in for ever and is refused each time; the others go on without it. The result has to
-- say so by name: "not ready" alone sends people looking for a network that is perfectly well.
return {
  name = "mixed-cut-off",
  about = "A reader of phase 3 beside `arc` nodes: they refuse each other's MACs, the rest goes on, and the "
    .. "result names who is cut off before anyone wonders.",
  params = { files = 5 },
  cluster = { writers = 1, readers = 2, release = "arc", releases = { ["reader-2"] = "phase3" } },
  closing = "short",
  expect = { accept = { "arc", "phase3" } },

  run = function(c)
    local near, far = c:node("reader-1"), c:node("reader-2")
    c:flush{ files = c.params.files }
    c:settle("1m")
    c:check(near:holds_all(), "the reader of the writer's own release lacks files")
    c:check(not far:ready(), "a reader that was never let in says that it is ready")
    c:check(#far:files() == 0, "a reader that was never let in has files")
    -- (Half a minute on, phase 3 gives up waiting for a leader, walks its empty manifest and says that it
    -- is ready: see reference/ready_without_leader.lua.)
  end,
}
