-- A writer rewrites a file, sends the registration and is killed before the leader hears of it. Its kernel
-- goes on sending. Meanwhile the writer is back: nobody remembers the rewrite, so it pulls the bytes that the
-- manifest names over its own. Now the registration comes: taken, it would name bytes that no disk holds.
return {
  name = "consensus-late-forward-of-former-life",
  about = "What a node sent before it was killed is not taken once its next life has joined.",
  phase = 3,
  cluster = { writers = 2, readers = 2 },
  run = require("_late_forward")("life"),
}
