-- The way back: a cluster of current becomes one of arc, node by node, under load. Nothing that the new
-- nodes left on disks or in the log may keep the old ones from reading it.
local upgrade = require("_upgrade")

return {
  name = "mixed-downgrade",
  about = "A rolling downgrade from `current` to `arc` under load loses no registered file: going back is "
    .. "possible, with `arc`'s own defects and no others.",
  params = { bytes = "64KiB" },
  cluster = { writers = 1, readers = 3, release = "current" },
  closing = "short",
  expect = { accept = { "arc" } },
  run = upgrade("current", "arc"),
}
