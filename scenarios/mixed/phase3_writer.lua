-- A writer of phase 3 gives its refusals a code that a reader of phase 2 has never heard of. The reader
-- passes over the key, as over all that it does not know; a reader of phase 3 beside it finds at a peer of
-- phase 2 what the origin has lost.
local exchange = require("_exchange")

return {
  name = "mixed-phase3-writer",
  about = "Readers of phases 2 and 3 fetch from a writer of phase 3 and from each other: codes that a reader "
    .. "does not know do it no harm.",
  params = { files = 5 },
  cluster = { writers = 1, readers = 3, release = "phase3",
              releases = { ["reader-2"] = "phase2", ["reader-3"] = "phase2" } },
  closing = "short",
  expect = { accept = { "phase2", "phase3" } },
  run = exchange("phase3", "reader-1"),
}
