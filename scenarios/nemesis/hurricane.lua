-- Five minutes, seven nodes, two of them down at a time, more trouble at once and smaller queues: what
-- needs three things to go wrong together is found here or nowhere.
local load = require "_load"

return {
  name = "nemesis-hurricane",
  about = "Five minutes of dense random trouble, two nodes down at a time, with small queues.",
  phase = 3,
  params = { bytes = "1B..400KiB", flush_every = "400ms", release = "current" },
  limit = "3h",
  cluster = function(params)
    return {
      writers = 2, compactors = 1, readers = 4, release = params.release,
      config = { replication_queue_size = 16, replication_pull_workers = 2, query_gate_on_catchup = true },
    }
  end,

  run = function(c)
    load.begin(c, 300)
    c:nemesis{ every = "1s..5s", heal = "2s..25s", until_ = "5m", max_down = 2 }
    c:sleep("5m")
  end,
}
