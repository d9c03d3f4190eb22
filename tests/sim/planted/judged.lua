-- Planted failures that only a judgement of the story's own sees, among decisions of random trouble that
-- have nothing to do with it. `what` chooses the judgement.
local judgements = {}

-- One stop, kill or rotation of many.
function judgements.down(c)
  c:always("all are up", function() return #c:nodes{ up = true } == 6 end, { every = "1s" })
end

-- Two that overlap.
function judgements.two_down(c)
  c:always("at most one is down", function() return #c:nodes{ up = true } >= 5 end, { every = "1s" })
end

-- A new leader.
function judgements.leader(c)
  local first = c:leader().id
  c:always("writer-1 leads", function()
    local leader = c:leader()
    return leader == nil or leader.id == first
  end, { every = "1s" })
end

-- A pull that failed.
function judgements.failed(c)
  c:always("no pull fails", function()
    for _, node in ipairs(c:readers()) do
      if (node:stats().failed or 0) > 0 then return false end
    end
    return true
  end, { every = "1s" })
end

return {
  name = "planted-judged",
  about = "A judgement that one or two decisions of many break.",
  params = { what = "down" },
  closing = "short",
  cluster = { writers = 2, readers = 4 },
  limit = "1h",
  run = function(c)
    judgements[c.params.what](c)
    c:every("2s", function() pcall(c.flush, c, { bytes = "1KiB..64KiB" }) end)
    c:nemesis{ every = "1s..4s", heal = "2s..10s", until_ = "90s", max_down = 2, swarm = false }
    c:sleep("95s")
  end,
}
