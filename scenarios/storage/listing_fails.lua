-- A writer's disk answers every question about a single file, and fails whenever it is asked for a listing: a
-- directory behind a flaky mount, a bucket whose LIST is throttled. Reconciliation thinks in differences between
-- a listing and the manifest, so a part taken for the whole would make orphans of everything that was left
-- out, or leave real ones to be judged by what is unknown. It must say that it could not look, and delete nothing.
return {
  name = "storage-listing-fails",
  about = "From a listing that fails nothing is concluded: reconciliation counts the error, deletes nothing, and "
    .. "does its work once the disk can be listed.",
  phase = 3,
  params = { files = 8 },
  cluster = {
    writers = 2,
    readers = 1,
    config = {
      ["reconciliation.enabled"] = true,
      ["reconciliation.manifest_only_dry_run"] = false,
      ["reconciliation.grace_window_hours"] = 1,
    },
  },
  limit = "1d",

  run = function(c)
    local writer, other = c:node("writer-1"), c:node("writer-2")
    c:flush{ files = c.params.files }
    c:settle("1m")
    -- Two files that no manifest will ever name: stored by writer-2, which dies before it can say so.
    c.net:isolate(other)
    local orphans = other:flush{ files = 2 }
    other:kill{ host = false }
    c.net:heal()
    other:start()
    c:settle("5m")
    c:check(c:reconcile(other, { act = true }).deleted == 0, "deleted at an unknown age")
    c:sleep("2h") -- older than the grace: a sound run would remove them

    other:disk{ list_error = 1 }
    local blind = c:reconcile(other, { act = true })
    c:check(blind.errors > 0, "a listing that failed is not told of")
    c:check(blind.deleted == 0, "something was deleted by half a listing")
    c:check(blind.orphan_manifest == 0, "files were thought to be gone that could not be listed")
    c:check(#c:manifest() == c.params.files, "the manifest lost an entry")
    c:check(#other:files() == c.params.files + 2, "the disk lost a file")

    other:disk{ list_error = false }
    c:sleep("2h")
    local sound = c:reconcile(other, { act = true })
    c:check(sound.errors == 0 and sound.deleted == 2, "with a sound listing the orphans stayed")
    for _, path in ipairs(orphans) do c:check(not other:has(path), path .. " is still there") end
    c:check(other:holds_all() and writer:holds_all(), "a file went that the manifest names")
  end,
}
