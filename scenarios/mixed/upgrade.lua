-- A cluster of arc becomes one of current, node by node, while the writer goes on writing. What the old
-- ones are known to do wrong is theirs; the new ones must do all of it right from their first second,
-- beside neighbours that give them neither nonces to remember nor tombstones.
local upgrade = require("_upgrade")

return {
  name = "mixed-upgrade",
  about = "A rolling upgrade from `arc` to `current` under load loses no registered file, and no new node is "
    .. "ready early: the way that every cluster has to go.",
  params = { bytes = "64KiB" },
  cluster = { writers = 1, readers = 3, release = "arc" },
  closing = "short",
  expect = { accept = { "arc" } },
  run = upgrade("arc", "current"),
}
