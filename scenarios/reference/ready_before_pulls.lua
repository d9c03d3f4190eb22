-- A fresh reader on a slow link has walked the manifest, and its pulls are still queued. In phase 3 the
-- end of the walk is all that readiness asks for: queries are admitted while files are on their way.
return {
  name = "reference-ready-before-pulls",
  about = "In phases 2 and 3 a fresh reader reports ready at the end of its walk, with its pulls still queued, "
    .. "and answers incompletely.",
  params = { files = 20, bytes = "1MiB" },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { phase3 = "query-complete", phase2 = "query-complete" },

  run = function(c)
    c:flush{ files = c.params.files, bytes = c.params.bytes }
    c:settle("2m")
    local reader = c:node("reader-1")
    c.net:link(reader, "all", { bandwidth = "20Mbit/s" })
    reader = reader:replace{ identity = "stable", volume = "lost", grace = "30s" }
    c:wait(function() return reader:ready() end, "5m", "the reader never became ready")
  end,
}
