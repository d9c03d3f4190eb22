-- A writer that follows sends its registration to the leader, hears nothing for five seconds and sends it
-- again: that one is taken, and then the file is rewritten. Only now the network brings the first one,
-- which TCP has been sending all the time. Taken too, it would register the old bytes, which nobody has any
-- more: every copy in the cluster would be another file than the manifest says, for good.
return {
  name = "consensus-late-forward",
  about = "A forwarded registration that its sender gave up long ago does not undo what was registered since.",
  phase = 3,
  cluster = { writers = 2, readers = 2 },
  breaks = { arc = "intact-bytes" },
  run = require("_late_forward")("direct"),
}
