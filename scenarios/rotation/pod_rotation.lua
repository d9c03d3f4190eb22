-- The incident that file replication exists for: the pod that wrote every file is rescheduled on
-- another host with an empty disk and a new name, while a fresh reader joins. The reader's files have
-- to come from its peers, and it must not answer queries before it has them.
return {
  name = "pod-rotation",
  about = "The writer loses its volume while a fresh reader joins: the files come from other peers, and the "
    .. "reader is ready without their origin.",
  phase = 3,
  params = { readers = 3, files = 100, bytes = "64KiB" },
  cluster = function(params)
    return { writers = 1, readers = params.readers }
  end,

  run = function(c)
    local writer = c:node("writer-1")
    local paths = writer:flush{ files = c.params.files, bytes = c.params.bytes }
    c:check(#paths == c.params.files, "the writer stored only " .. #paths .. " files")
    c:settle("5m")

    local successor = writer:replace{ identity = "new", volume = "lost", grace = "30s" }
    local fresh = c:add{ role = "reader" }
    c:check(successor ~= writer, "a new identity is the same node")

    local joined_at = c:now()
    c:wait(function() return fresh:ready() end, "5m", "the fresh reader never became ready")
    c:metric("fresh reader ready after, s", c:now() - joined_at)
    c:check(fresh:holds_all(), "the fresh reader is ready without all files")
    c:check(fresh:query{}.complete, "a query on the fresh reader is incomplete")
    c:sometimes("ready-without-origin", not writer:up())

    c:wait(function() return successor:ready() end, "5m", "the new writer never became ready")
    c:settle("5m")
    c:check(not writer:up(), "the replaced writer runs again")
    c:check(#c:manifest() == c.params.files, "the manifest lost files in the rotation")
    for _, node in ipairs(c:nodes{ up = true }) do
      c:check(node:holds_all(), node.id .. " lacks files after the rotation")
    end

    -- Life goes on: the new writer's files reach everyone too.
    local more = c:flush{ files = 5, bytes = c.params.bytes }
    c:settle("5m")
    for _, path in ipairs(more) do
      c:check(fresh:has(path), "a file of the new writer did not reach " .. fresh.id)
    end
  end,
}
