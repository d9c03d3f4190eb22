-- All readers come up with empty disks at the same time, as after a bad rollout: more pullers than
-- there are holders, all asking for the same files. Whoever has a file already serves it on; nobody waits for
-- the one origin alone; and queries on all of them stay shut until each one is complete.
return {
  name = "catchup-all-at-once",
  about = "Many readers that lost their disks at once help each other: all become ready, none before it is complete.",
  phase = 3,
  params = { readers = 8, files = 60 },
  cluster = function(params)
    return { writers = 3, readers = params.readers, voters = 3, config = { query_gate_on_catchup = true } }
  end,
  network = { bandwidth = "200Mbit/s" },
  closing = "short",
  breaks = { arc = "query-complete", phase3 = "query-complete" },

  run = function(c)
    c:flush{ files = c.params.files, bytes = "128KiB" }
    c:settle("5m")
    local fresh = {}
    for _, reader in ipairs(c:readers()) do
      reader:kill{}
      fresh[#fresh + 1] = reader:replace{ identity = "stable", volume = "lost", grace = 0 }
    end
    c:always("no early answer", function()
      for _, reader in ipairs(fresh) do
        local answer = reader:up() and reader:query{}
        if answer and not answer.gated and not answer.complete then return false end
      end
      return true
    end, { every = "100ms" })
    for _, reader in ipairs(fresh) do
      c:wait(function() return reader:ready() end, "5m", reader.id .. " never became ready")
    end
    c:settle("1m")
  end,
}
