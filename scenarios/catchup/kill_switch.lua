-- Operators can switch catch-up off (replication_catchup_enabled = false). Then no walk ever runs: a
-- reader that slept learns of the files written meanwhile by the log alone, and one that lost its disk
-- waits for the rescan. Nobody is asked to pull twice because of it.
return {
  name = "catchup-kill-switch",
  about = "With catch-up switched off no walk runs, and what the log brings is still pulled: operators can turn "
    .. "it off without turning replication off.",
  phase = 3,
  params = { files = 20 },
  cluster = {
    writers = 1,
    readers = 2,
    configs = { ["reader-1"] = { replication_catchup_enabled = false } },
  },

  run = function(c)
    local off, on = c:node("reader-1"), c:node("reader-2")
    c:flush{ files = c.params.files }
    c:settle("1m")
    off:stop{}
    on:stop{}
    c:flush{ files = c.params.files }
    off:start{}
    on:start{}
    c:settle("5m")
    c:check(off:status().started_at == 0, "a walk began though catch-up is off")
    c:check(off:status().entries_walked == 0, "entries were walked though catch-up is off")
    c:check(on:status().completed_at ~= 0, "the other reader did not walk")
    c:check(off:ready(), "without catch-up a reader that is up is ready")
  end,
}
