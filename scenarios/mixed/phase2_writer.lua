-- A writer of phase 2 answers without ack codes: its readers of phase 3 have to know by the exact words
-- that it has lost a file, and ask a peer instead.
local exchange = require("_exchange")

return {
  name = "mixed-phase2-writer",
  about = "Readers of phase 3 fetch from a writer of phase 2, whose refusals carry no code: exact words decide "
    .. "there, so that an upgrade may go one by one.",
  params = { files = 5 },
  cluster = { writers = 1, readers = 3, release = "phase2",
              releases = { ["reader-1"] = "phase3", ["reader-2"] = "phase3" } },
  closing = "short",
  expect = { accept = { "phase2", "phase3" } },
  run = exchange("phase2", "reader-1"),
}
