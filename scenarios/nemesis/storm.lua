-- Three minutes of a small cluster with whatever can go wrong going wrong, one node down at a time.
-- Each seed draws kinds of trouble of its own; all properties are watched meanwhile. When it is over
-- everything must come right by itself, before anybody restarts anything: closing sees to that.
local load = require "_load"

return {
  name = "nemesis-storm",
  about = "Three minutes of random trouble under load; when it ends every file reaches every node.",
  phase = 3,
  params = { bytes = "1B..200KiB", flush_every = "600ms", release = "current" },
  limit = "2h",
  cluster = function(params)
    return { writers = 2, compactors = 1, readers = 2, release = params.release }
  end,

  run = function(c)
    load.begin(c, 180)
    c:nemesis{ every = "2s..10s", heal = "3s..20s", until_ = "3m", max_down = 1 }
    c:sleep("3m")
  end,
}
