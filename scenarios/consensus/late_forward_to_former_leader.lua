-- As in late_forward.lua, but in between another node led: the file was registered and rewritten there.
-- The first registration waits for the former leader, and reaches it when it has won leadership back. It
-- knows the sender and has never seen the message; only the connection is older than its leadership.
return {
  name = "consensus-late-forward-to-former-leader",
  about = "What was sent to a leader in an earlier leadership is not taken in a later one.",
  phase = 3,
  cluster = { writers = 2, readers = 2 },
  run = require("_late_forward")("leadership"),
}
