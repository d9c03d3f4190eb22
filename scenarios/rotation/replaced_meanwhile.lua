-- A rotation waits for a pod; meanwhile somebody else gives that pod a new name (a drained host, an
-- impatient operator). The rotation has to go on with whoever took the pod's place: the old name never
-- comes back, and a controller that waits for it blocks the rotation for ever.
return {
  name = "replaced-meanwhile",
  about = "Pods are replaced under the hands of a rotation, which goes on with their successors.",
  phase = 2,
  params = { files = 20 },
  cluster = { writers = 1, readers = 4 },
  run = function(c)
    c:flush{ files = c.params.files, bytes = "1KiB..200KiB" }
    c:settle("1m")
    local replaced = 0
    c:go(function()
      for _, id in ipairs{ "reader-1", "reader-3" } do
        c:wait(function() return not c:node(id):up() end, "5m", id .. " is rotated")
        c:node(id):replace{ identity = "new", volume = "keep", grace = 0 }
        replaced = replaced + 1
      end
    end)
    c:rotate{ nodes = c:readers(), start_delay = "5s..10s", ready_timeout = "1m" }
    c:settle("5m")
    c:check(replaced == 2, "both pods were replaced in the midst of the rotation")
    c:check(#c:nodes{ up = true } == 5, "as many nodes as before")
  end,
}
