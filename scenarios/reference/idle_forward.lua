-- A writer that does not lead forwards its registrations over one kept connection. The leader closes it
-- after half a minute without a request; the reference does not notice, sends the next registration
-- into it, and that one is lost, since nothing is tried twice.
return {
  name = "reference-idle-forward",
  about = "In `arc` the first registration after a pause goes into a connection that the leader has closed, and "
    .. "is lost with it.",
  params = {},
  cluster = { writers = 1, readers = 2, leader = "reader-1" },
  closing = "short",
  breaks = { arc = "registers-all" },

  run = function(c)
    local writer = c:node("writer-1")
    writer:flush{ files = 1 }
    c:sleep("45s")
    writer:flush{ files = 1 }
    c:sleep("30s")
  end,
}
