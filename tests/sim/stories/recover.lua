-- What the story leaves behind, and what is still owed then.
local function first(c)
  return c:manifest()[1].path
end

local function lose_copies(c, path, keep)
  for _, n in ipairs(c:nodes{}) do
    if n.id ~= keep then n:remove(path) end
  end
  for _, n in ipairs(c:nodes{ up = true }) do
    if n.id ~= keep then n:restart{} end
  end
end

local stories = {}

-- A majority of the voters come back with empty disks, all at once.
function stories.majority_lost(c)
  for _, n in ipairs(c:readers()) do n:replace{ volume = "lost", identity = c.params.identity, grace = 0 } end
  c:sleep("1m")
end

function stories.majority_stopped(c)
  for _, n in ipairs(c:readers()) do n:stop{} end
end

-- A voter at a time: the others take the new one in, nothing is lost.
function stories.one_after_another(c)
  for _, n in ipairs(c:readers()) do
    c:rotate{ nodes = { n }, volume = "lost" }
    c:sleep("30s")
  end
end

function stories.nothing(c)
  c:sleep("1m")
end

function stories.last_copy_lost(c)
  lose_copies(c, first(c), nil)
end

function stories.last_copy_down(c)
  c:node("reader-1"):stop{}
  lose_copies(c, first(c), "reader-1")
end

function stories.one_copy_left(c)
  lose_copies(c, first(c), "reader-1")
end

-- Whom the writer sends four bodies to falls silent in the midst of them: no reset, no close. They
-- end by the limit of a serve, minutes later.
function stories.silent_host(c)
  local writer = c:node("writer-1")
  c.net:link("writer-1", "reader-1", { bandwidth = "10MiB/s" })
  c:go(function() writer:flush{ files = 4, bytes = "20MiB" } end)
  c:sleep("1s")
  c:node("reader-1"):kill{ host = true }
end

function stories.settle_in_vain(c)
  lose_copies(c, first(c), nil)
  c:settle("1m")
end

function stories.wait_in_vain(c)
  stories.majority_stopped(c)
  c:wait(function() return c:leader() ~= nil and c.now() > 1e6 end, "1m", "a leader")
end

return {
  name = "recover",
  about = "What nothing could bring back is not owed, and is said.",
  params = { story = "one_copy_left", consensus = "raft", identity = "stable" },
  cluster = function(params)
    return { writers = 1, readers = 2, voters = 3, consensus = params.consensus }
  end,
  run = function(c)
    c:flush{ files = 3 }
    c:settle("1m")
    stories[c.params.story](c)
  end,
}
