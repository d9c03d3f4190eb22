-- A path that the manifest admits, and that the origin then refuses to serve, since it is not in its
-- plain form: registered for ever, replicated never.
return {
  name = "reference-never-replicable",
  about = "In older releases a path may be good enough for the manifest and not for a fetch, so it can never be "
    .. "replicated; `current` refuses it at once.",
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { arc = "converges", phase2 = "converges", phase3 = "converges" },

  run = function(c)
    c:flush{ path = "db/cpu//twice.parquet" }
    c:flush{ files = 1 }
    c:sleep("30s")
  end,
}
