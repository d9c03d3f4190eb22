-- ScyllaDB #4277, and #3560. A node that was down for longer than deletions are remembered (ten days there)
-- brings the deleted data back when it returns: it alone still has it, and repair carries it to the rest.
--
-- Here: a node with files on its disk sleeps through their deletion, through the grace, and through two
-- snapshots that drop the log behind them. When it comes back, the deleted files must go from its disk, must be on no
-- other, and must not be in the manifest again, with anti-entropy run on it at once.
return {
  name = "incident-deletion-outlived",
  about = "A node that slept through deletions, snapshots and all, does not bring the deleted files back.",
  params = { down = "2h", files = 20 },
  cluster = { writers = 1, readers = 2, config = { ["reconciliation.enabled"] = true } },
  closing = "short",
  limit = "4h",
  breaks = { arc = "no-resurrection" },

  run = function(c)
    local sleeper = c:node("reader-2")
    local paths = c:flush{ files = c.params.files }
    c:settle("1m")
    sleeper:stop{}
    for index = 1, c.params.files / 2 do c:delete(paths[index]) end
    c:sleep("10m")
    c:truncate_log()
    c:flush{ files = 5 }
    c:sleep(c.params.down)
    c:truncate_log()
    sleeper:start{}
    c:wait(function() return sleeper:ready() end, "5m", "it came back")
    c:reconcile(sleeper, { act = true })
    c:sleep("15m")
    for index = 1, c.params.files / 2 do
      for _, node in ipairs(c:nodes{}) do
        c:check(not node:has(paths[index]), paths[index] .. " is back on " .. node.id)
      end
    end
    c:check(#c:manifest() == c.params.files / 2 + 5, "the manifest has other entries than it should")
  end,
}
