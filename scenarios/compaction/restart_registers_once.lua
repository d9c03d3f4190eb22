-- A compactor's batch is committed, and the compactor dies before it hears of that and can remove its
-- completion file. Meanwhile retention deletes the output. The reference knows from memory only what
-- it registered: back again, it reads the file and registers the output a second time, so that a file
-- which was deleted is in the manifest once more. `current` asks its manifest whether the job is done.
return {
  name = "compaction-restart-registers-once",
  about = "A compactor that restarts does not register an output that was deleted meanwhile; `arc` brings it "
    .. "back, with nobody who has it.",
  params = { inputs = 4 },
  cluster = { writers = 1, readers = 1, compactors = 1 },
  network = { latency = "2ms..3ms" },
  closing = "short",
  breaks = { arc = "scenario-check" },

  run = function(c)
    local compactor = c:node("compactor-1")
    c:flush{ files = c.params.inputs, bytes = "20KiB" }
    c:settle("2m")
    local output
    local function is_committed()
      for _, row in ipairs(c:manifest()) do
        if row.origin_node_id == "compactor-1" then output = row.path end
      end
      return output ~= nil
    end
    c:go(function() c:compact{ inputs = c.params.inputs } end)
    c:wait(is_committed, "1m", "the batch is committed")
    compactor:kill{ host = false }
    c:sleep("5s")
    c:delete(output)
    c:sleep("5s")
    compactor:start()
    c:sleep("1m")
    for _, row in ipairs(c:manifest()) do
      c:check(row.path ~= output, "the deleted output is registered again")
    end
    c:settle("5m")
  end,
}
