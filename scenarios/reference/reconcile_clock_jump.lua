-- writer-2 cannot reach the others; what it stores waits to be registered. Its wall clock steps forward
-- by two days, as after a battery change, and reconciliation runs. By that clock a file stored a minute
-- ago is past its grace, and no entry names it yet: the reference deletes the only copy. `current` counts
-- ages by a clock that cannot be stepped, and leaves alone what waits for its registration.
return {
  name = "reference-reconcile-clock-jump",
  about = "In `arc` a clock that jumps makes fresh files old, and reconciliation deletes the only copies; "
    .. "`current` trusts no clock that can be stepped.",
  params = {},
  cluster = {
    writers = 2,
    readers = 1,
    config = {
      ["reconciliation.enabled"] = true,
      ["reconciliation.manifest_only_dry_run"] = false,
    },
  },
  closing = "short",
  limit = "1h",
  breaks = { arc = "reconcile-conservative" },

  run = function(c)
    local writer = c:node("writer-2")
    c:flush{ files = 3 }
    c:settle("1m")
    c.net:isolate(writer)
    writer:flush{ files = 2 }
    c:sleep("1m")
    writer:clock{ jump = "2d" }
    c:reconcile(writer, { act = true })
    writer:clock{ jump = "-2d" }
    c.net:heal()
    c:sleep("2m")
  end,
}
