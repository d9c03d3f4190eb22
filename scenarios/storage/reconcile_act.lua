-- Both kinds of orphan, for real. A file is lost on every disk: its entry makes every query on every
-- node incomplete for ever, until reconciliation takes it out. And a writer that dies between storing
-- a file and registering it leaves one that no manifest will ever name: such files fill its disk until
-- reconciliation removes them. Neither happens before a whole grace went by in one life, and a file
-- that anybody still holds stays in the manifest.
return {
  name = "reconcile-act",
  about = "Entries that nobody holds and files that no entry names go one grace after they were seen, and what "
    .. "anybody holds stays: disks and queries recover.",
  params = { readers = 2, files = 8 },
  cluster = function(params)
    return {
      writers = 2,
      readers = params.readers,
      config = {
        ["reconciliation.enabled"] = true,
        ["reconciliation.manifest_only_dry_run"] = false,
        ["reconciliation.grace_window_hours"] = 1,
      },
    }
  end,
  limit = "2d",

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local other = c:node("writer-2")
    local paths = c:flush{ files = c.params.files }
    c:settle("1m")

    -- writer-2 cannot reach anybody, stores two files, and dies before they are registered.
    c.net:isolate(other)
    local unregistered = other:flush{ files = 2 }
    other:kill{ host = false }
    c.net:heal()
    other:start()
    c:wait(function() return other:ready() end, "5m", "writer-2 did not come back")

    -- paths[1] is lost everywhere, paths[2] on its origin only.
    for _, node in ipairs(c:nodes{}) do node:remove(paths[1]) end
    writer:remove(paths[2])

    local first = c:reconcile(writer, { act = true })
    c:check(first.acted and not first.aborted, "the first run did not act")
    c:check(first.orphan_manifest == 2 and first.deleted == 0, "deleted at an unknown age")
    c:check(c:reconcile(other, { act = true }).deleted == 0, "a young file was deleted")

    -- A node that does not answer may hold a copy: nothing is deleted on a guess.
    c:sleep("2h")
    local away = c:node("reader-2")
    away:stop{}
    c:sleep("1m")
    local doubt = c:reconcile(writer, { act = true })
    c:check(doubt.deleted == 0 and doubt.held == 2, "an entry went that reader-2 might hold")
    away:start()
    c:sleep("1m")

    local second = c:reconcile(writer, { act = true })
    c:check(second.deleted == 1 and second.held == 1, "not exactly the entry that nobody holds")
    c:sleep("5s")
    c:check(#c:manifest() == c.params.files - 1, "the manifest does not show it")
    for _, entry in ipairs(c:manifest()) do
      c:check(entry.path ~= paths[1], "the lost file is still in the manifest")
    end
    c:check(reader:has(paths[2]), "the copy of the other file is gone")

    local swept = c:reconcile(other, { act = true })
    c:check(swept.orphan_storage == 2 and swept.deleted == 2, "not exactly the unregistered files")
    for _, path in ipairs(other:files()) do
      c:check(path ~= unregistered[1] and path ~= unregistered[2], "an orphan is still there")
    end
    c:check(other:has(paths[3]), "writer-2 lost a file that the manifest holds")

    -- Nothing is left to do, and nothing is done.
    local third = c:reconcile(writer, { act = true })
    c:check(third.deleted == 0 and third.orphan_manifest == 1, "a later run deleted more")
    local at_reader = c:reconcile(reader, { act = true })
    c:check(at_reader.deleted == 0, "a reader deleted what is not its own")
  end,
}
