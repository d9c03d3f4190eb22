-- The writer is not the leader. Until phase 4 a registration on a follower returns success and does
-- nothing: no file that this writer ever writes is known to anybody.
return {
  name = "reference-follower-origin",
  about = "In phases 2 and 3 a writer that does not lead registers nothing and calls it success: its files "
    .. "exist for nobody else.",
  params = { files = 3 },
  cluster = { writers = 1, readers = 2, leader = "reader-1" },
  closing = "short",
  breaks = { phase2 = "registers-all", phase3 = "registers-all" },

  run = function(c)
    c:node("writer-1"):flush{ files = c.params.files }
    c:sleep("30s")
  end,
}
