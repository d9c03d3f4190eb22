-- A file that nobody holds any more fails on a node, which rightly does not say it is ready; then the
-- file is deleted from the manifest. The reference clears a failure only by a later success of the same
-- path, so the node stays shut for the rest of its life though it holds everything there is.
-- (The node leads, as the only voter: a follower's walk of the reference would see nothing.)
return {
  name = "reference-gate-after-delete",
  about = "In `arc` deleting the file that failed does not open the gate again: the node stays shut over a file "
    .. "that nobody wants.",
  params = {},
  cluster = { writers = 2, readers = 1, voters = 1 },
  closing = "short",
  breaks = { arc = "becomes-ready" },

  run = function(c)
    local leader = c:node("writer-1")
    local paths = c:node("writer-2"):flush{ files = 3 }
    c:settle("1m")
    leader:stop{}
    for _, node in ipairs(c:nodes{}) do node:remove(paths[2]) end
    c:sleep("1s")
    leader:start{}
    c:sleep("1m")
    c:check(not leader:ready(), "ready without a file")
    c:delete(paths[2])
    c:sleep("2m")
  end,
}
