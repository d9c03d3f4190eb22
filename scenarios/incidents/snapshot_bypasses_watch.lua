-- etcd #8411. One member was cut off for an hour or two. Meanwhile the log was purged, as it is every
-- 10,000 entries, so when the network healed the member got a snapshot instead. It restored its
-- data and sent no events: watchers above it were never told of what had changed, and worked on with a
-- stale cache while the member looked healthy. An outage short enough for the log showed nothing.
--
-- Here: a reader is cut off for an hour in which files come, files go, and the log is dropped twice. Its
-- puller is the watcher: what the snapshot brings has to be announced like anything else.
return {
  name = "incident-snapshot-bypasses-watch",
  about = "What a snapshot brings to a node that was cut off is pulled, and what it takes away is removed.",
  params = { cut = "1h", files = 120 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  limit = "2h",
  breaks = { arc = "converges" },

  run = function(c)
    local reader = c:node("reader-2")
    local old = c:flush{ files = 20 }
    c:settle("1m")
    c.net:isolate(reader)
    c:go(function() c:flush{ files = c.params.files, every = "20s" } end)
    c:sleep("20m")
    for index = 1, 10 do c:delete(old[index]) end
    c:truncate_log()
    c:sleep("25m")
    c:truncate_log()
    c:sleep("15m")
    for index = 1, 10 do c:check(reader:has(old[index]), "the cut node heard of a deletion") end
    c:check(#reader:files() == #old, "the cut node heard of a file")
    local installed
    for _, peer in ipairs(c:nodes()) do
      if peer ~= reader then
        local a = c:attacker{ on_path = { peer, reader } }
        c:go(function() installed = a:capture{ type = "InstallSnapshot", from = peer, to = reader } end)
      end
    end
    c.net:heal()
    c:sleep("10m")
    c:check(installed, "the log was still there: nothing came by snapshot")
    local missing = 0
    for _, entry in ipairs(c:manifest()) do
      missing = missing + (reader:has(entry.path) and 0 or 1)
    end
    c:metric("missing ten minutes after the cut", missing)
    c:check(missing == 0, missing .. " files that the snapshot brought are not there ten minutes later")
    for index = 1, 10 do
      c:check(not reader:has(old[index]), old[index] .. ", which the snapshot took away, is still there")
    end
  end,
}
