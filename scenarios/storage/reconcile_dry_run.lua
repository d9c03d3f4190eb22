-- Reconciliation compares the manifest with a disk and, as it is delivered, only tells: files that the
-- manifest never heard of, and entries whose file is gone. An operator looks at the numbers before
-- letting it delete anything; nothing may change until both the configuration and the request say so.
return {
  name = "reconcile-dry-run",
  about = "A dry run counts orphans of both kinds and touches neither manifest nor disk: operators see the "
    .. "numbers before they let it act.",
  params = { readers = 2, files = 8 },
  cluster = function(params)
    return {
      writers = 1,
      readers = params.readers,
      config = { ["reconciliation.enabled"] = true, ["reconciliation.grace_window_hours"] = 1 },
      configs = { ["reader-2"] = { ["reconciliation.enabled"] = false } },
    }
  end,
  limit = "12h",

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local paths = c:flush{ files = c.params.files }
    c:settle("1m")

    -- Reconciliation is off by default, and a node says so.
    local refused = c:reconcile("reader-2", { act = true })
    c:check(refused.aborted and refused.reason == "disabled", "reader-2 ran although it is off")

    local clean = c:reconcile(writer)
    c:check(not clean.aborted and not clean.acted, "the first run did not complete as a dry run")
    c:check(clean.orphan_manifest + clean.orphan_storage == 0, "orphans where there are none")

    writer:remove(paths[3])
    c:sleep("40m")
    local found = c:reconcile(writer)
    c:check(found.orphan_manifest == 1, "the missing file was not noticed")

    -- The configuration says dry run, so a request to act is one as well.
    c:sleep("40m")
    local asked = c:reconcile(writer, { act = true })
    c:check(not asked.acted, "acted although the configuration says dry run")
    c:check(asked.orphan_manifest == 1 and asked.deleted == 0, "a dry run deleted something")

    -- A reader's copies of the writer's files are no orphans.
    local copies = c:reconcile(reader)
    c:check(copies.orphan_manifest + copies.orphan_storage == 0, "copies were taken for orphans")
    c:check(#c:manifest() == c.params.files, "the manifest lost an entry")
    c:check(reader:holds_all(), "a reader lost a file")
  end,
}
