-- Somebody deploys a reader with last year's secret. It cannot join, is sent nothing, serves nobody and
-- disturbs nobody: its requests are refused by everyone, over and over, for ten minutes. Deployed again with
-- the right secret it is a reader like any other.
return {
  name = "security-wrong-secret",
  about = "A node with another secret gets no byte and costs the others nothing; with the right one it joins at once.",
  phase = 3,
  params = {},
  cluster = { writers = 1, readers = 2 },

  run = function(c)
    local stranger = c:add{ role = "reader", config = { shared_secret = "last-year" } }
    local paths = c:flush{ files = 20, bytes = "1KiB..100KiB", every = "30s" }
    c:sleep("10s")
    for _, node in ipairs{ c:node("writer-1"), c:node("reader-1"), c:node("reader-2") } do
      for _, path in ipairs(paths) do c:check(node:has(path), node.id .. " lacks " .. path) end
    end
    c:check(#stranger:files() == 0, "a node with another secret was served")
    c:check(not stranger:ready(), "a node that nobody lets in calls itself ready")
    stranger:stop{}
    local proper = c:add{ role = "reader" }
    c:wait(function() return proper:ready() and proper:holds_all() end, "2m", "with the right secret it did not join")
  end,
}
