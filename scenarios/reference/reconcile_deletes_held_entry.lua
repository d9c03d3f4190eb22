-- The writer's disk loses one file. Both readers hold a copy, so nothing is lost yet: any of them could
-- give it back. The reference's reconciliation looks at the origin's own disk only, and takes the
-- entry out of the manifest for everybody; the copies are then deleted as well. `current` asks the
-- other nodes first and keeps what anybody holds.
return {
  name = "reference-reconcile-deletes-held-entry",
  about = "In `arc` one lost copy on the origin ends in the loss of all copies; `current` asks who else holds "
    .. "the file before it deletes the entry.",
  params = { readers = 2 },
  cluster = function(params)
    return {
      writers = 1,
      readers = params.readers,
      config = {
        ["reconciliation.enabled"] = true,
        ["reconciliation.manifest_only_dry_run"] = false,
        ["reconciliation.grace_window_hours"] = 1,
      },
    }
  end,
  closing = "short",
  limit = "12h",
  breaks = { arc = "reconcile-conservative" },

  run = function(c)
    local writer = c:node("writer-1")
    local paths = c:flush{ files = 3 }
    c:settle("1m")
    c:reconcile(writer)
    writer:remove(paths[2])
    c:reconcile(writer)
    c:sleep("2h")
    c:reconcile(writer, { act = true })
    c:sleep("10s")
  end,
}
