-- The clocks of a whole cluster ran half an hour fast, and are set back at once. Every stamp of the next
-- half hour is one that a server may have accepted and forgotten: it refuses them, since it cannot know.
-- Registrations and fetches wait; nothing is served twice and nothing is lost. Who does not want to wait
-- restarts the processes: a new life has accepted nothing yet.
return {
  name = "clock-set-back",
  about = "After a set-back nodes refuse the stamps that they may have forgotten, until time has passed or they "
    .. "were restarted: the price of serving nothing twice.",
  phase = 3,
  params = { by = "30m", restart = true },
  cluster = { writers = 1, readers = 3 },
  closing = "short",
  limit = "6h",

  run = function(c)
    for _, node in ipairs(c:nodes()) do node:clock{ jump = c.params.by } end
    for _ = 1, 12 do
      c:flush{ files = 2 }
      c:sleep("1m")
    end
    c:settle("2m")
    for _, node in ipairs(c:nodes()) do node:clock{ jump = "-" .. c.params.by } end
    local path = c:flush{ files = 1 }[1]
    c:sleep("5m")
    for _, reader in ipairs(c:readers()) do
      c:check(not reader:has(path), reader.id .. " was served under a stamp that may have been used before")
    end
    if c.params.restart then
      for _, node in ipairs(c:nodes()) do node:restart{ down = "1s" } end
      c:settle("5m")
    else
      c:sleep(c.params.by)
      c:settle("20m")
    end
  end,
}
