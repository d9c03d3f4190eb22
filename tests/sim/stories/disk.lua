-- n:disk, one key at a time: what the fault changes, and that ending it ends that.
local stories = {}

-- Fails while the fault is set on `node`, works once it is over.
local function blocks(node_id, fault, over)
  return function(c)
    local node, reader = c:node(node_id), c:node("reader-1")
    c:flush{ path = "db/before.parquet", bytes = "100KiB" }
    c:settle("1m")
    node:disk(fault)
    c:node("writer-1"):flush{ path = "db/during.parquet", bytes = "100KiB" }
    c:sleep("5s")
    c:check(not reader:has("db/during.parquet"), "the fault changed nothing")
    node:disk(over or {})
    c:settle("5m")
    c:check(reader:has("db/during.parquet"), "it did not end")
  end
end

stories.full = blocks("reader-1", { full = true }, { full = false })
stories.stuck = blocks("reader-1", { stuck = "1h" }, { stuck = false })
stories.read_error = blocks("writer-1", { read_error = 1 }, { read_error = false })
stories.write_error = blocks("reader-1", { write_error = 1 }, { write_error = false })
stories.sync_error = blocks("reader-1", { sync_error = 1 }, { sync_error = 0 })
stories.several = blocks("reader-1", { write_error = 0.5, sync_error = 1 })

-- A node that cannot look at its files cannot know that they are there: it pulls them again.
function stories.stat_error(c)
  local reader = c:node("reader-1")
  c:flush{ files = 3, bytes = "10KiB" }
  c:settle("1m")
  local function again()
    local before = reader:stats().pulled
    reader:restart{ down = "1s" }
    c:sleep("10s")
    return reader:stats().pulled - before
  end
  c:check(again() == 0, "present files were pulled again")
  reader:disk{ stat_error = 1 }
  c:check(again() > 0, "the fault changed nothing")
  reader:disk{ stat_error = false }
  c:check(again() == 0, "it did not end")
end

function stories.free(c)
  local reader = c:node("reader-1")
  reader:disk{ free = "250KiB" }
  for row = 1, 4 do c:flush{ path = "db/" .. row .. ".parquet", bytes = "100KiB" } end
  c:sleep("5s")
  c:check(#reader:files() == 2, "two files fit, " .. #reader:files() .. " are there")
  reader:disk{ free = false }
  c:settle("5m")
end

function stories.slow(c)
  local reader = c:node("reader-1")
  local function seconds()
    local from = c:now()
    c:flush{ bytes = "10KiB" }
    c:settle("5m")
    return c:now() - from
  end
  local fast = seconds()
  reader:disk{ slow = "300ms" }
  local slow = seconds()
  c:check(slow > fast + 0.3, "300 ms an operation cost " .. slow - fast .. " s")
end

function stories.stuck_ends(c)
  local reader = c:node("reader-1")
  reader:disk{ stuck = "10s" }
  c:flush{ path = "db/a.parquet", bytes = "10KiB" }
  c:sleep("5s")
  reader:disk{ stuck = "10s", slow = "1ms" }
  c:sleep("8s")
  c:check(not reader:has("db/a.parquet"), "the second stuck does not count from its call")
  c:sleep("5s")
  c:check(reader:has("db/a.parquet"), "stuck did not end by itself")
end

function stories.short_write(c)
  local reader = c:node("reader-1")
  local function events()
    local from = c:events(reader)
    c:flush{ bytes = "200KiB" }
    c:settle("1m")
    return c:events(reader) - from
  end
  local whole = events()
  reader:disk{ short_write = 1 }
  local parts = events()
  c:check(parts > whole, parts .. " events in parts, " .. whole .. " without")
end

-- Set one after the other: both hold, and each ends alone.
function stories.added(c)
  local reader = c:node("reader-1")
  reader:disk{ full = true }
  reader:disk{ sync_error = 1 }
  reader:disk{ full = false }
  c:flush{ path = "db/a.parquet", bytes = "10KiB" }
  c:sleep("2s")
  c:check(not reader:has("db/a.parquet"), "sync_error went with full")
  reader:disk{ full = true, sync_error = false }
  c:sleep("2s")
  c:check(not reader:has("db/a.parquet"), "full went with sync_error")
  reader:disk{}
  c:settle("5m")
end

function stories.lie_about_sync(c)
  local reader = c:node("reader-1")
  reader:disk{ lie_about_sync = true }
  local paths = c:flush{ files = 3, bytes = "10KiB" }
  c:settle("1m")
  reader:kill{ host = false }
  c:check(reader:has(paths[1]), "a killed process loses nothing")
  reader:start()
  c:settle("1m")
  reader:disk{ lie_about_sync = false }
  c:flush{ path = "db/kept.parquet", bytes = "10KiB" }
  c:settle("1m")
  reader:kill{ host = true }
  for _, path in ipairs(paths) do
    c:check(not reader:has(path), "a lying disk kept " .. path)
  end
  c:check(reader:has("db/kept.parquet"), "an honest sync was lost")
  reader:start()
  c:settle("5m")
end

-- The next kill loses what was not synced, even where the host stays; the one after it does not.
function stories.lose_unsynced(c)
  local reader = c:node("reader-1")
  reader:disk{ lie_about_sync = true, lose_unsynced = true }
  local paths = c:flush{ files = 2, bytes = "10KiB" }
  c:settle("1m")
  reader:restart{ down = "1s" }
  c:check(reader:has(paths[1]), "an orderly stop is no kill")
  c:settle("1m")
  reader:kill{ host = false }
  c:check(not reader:has(paths[1]), "lose_unsynced changed nothing")
  reader:start()
  c:settle("5m")
  reader:kill{ host = false }
  c:check(reader:has(paths[1]), "lose_unsynced acted twice")
  reader:start()
  c:settle("5m")
end

-- Nothing is concluded from a listing that fails.
function stories.list_error(c)
  local reader = c:node("reader-1")
  c:flush{ files = 3, bytes = "10KiB" }
  c:settle("1m")
  local function errors()
    local report = c:reconcile(reader, { act = false })
    c:check(report.orphan_manifest == 0, "files were thought to be gone")
    return report.errors
  end
  c:check(errors() == 0, "a sound listing has errors")
  reader:disk{ list_error = 1 }
  c:check(errors() > 0, "the fault changed nothing")
  reader:disk{ list_error = false }
  c:check(errors() == 0, "it did not end")
end

-- Bodies break off on their way: where the disk can append they go on (in part files, as arc has them).
function stories.no_append(c)
  local writer, reader = c:node("writer-1"), c:node("reader-1")
  local function resumed(path)
    local before = reader:stats().resumed
    writer:hostile{ kind = "short-body", after_bytes = "100KiB", for_ = "200ms" }
    c:flush{ path = path, bytes = "300KiB" }
    c:sleep("30s")
    return reader:stats().resumed - before
  end
  c:check(resumed("db/a.parquet") > 0, "nothing went on where it broke off")
  reader:disk{ no_append = true }
  c:check(resumed("db/b.parquet") == 0, "the fault changed nothing")
  reader:disk{ no_append = false }
  c:check(resumed("db/c.parquet") > 0, "it did not end")
end

return {
  name = "disk",
  about = "Each storage fault changes what it should, and ends when told.",
  params = { story = "full" },
  expect = { accept = { "arc" } },
  cluster = { writers = 1, readers = 1, config = { ["reconciliation.enabled"] = true } },
  run = function(c) stories[c.params.story](c) end,
}
