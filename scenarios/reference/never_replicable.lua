-- A path that the manifest admits, and that the origin then refuses to serve, since it is not in its
-- plain form: registered for ever, replicated never.
return {
  name = "reference-never-replicable",
  about = "A path is good enough for the manifest and not for a fetch: it can never be replicated.",
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
