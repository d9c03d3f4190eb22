-- Random trouble for test_nemesis.c: `kinds` separated by blanks, or a line of a story in its place.
return {
  name = "nemesis",
  about = "Random trouble as parameters say.",
  params = {
    kinds = "", line = "", every = "2s..6s", heal = "2s..8s", until_ = "60s", length = 100, max_down = 1,
    recoverable = true, swarm = true, writers = 2, readers = 3, files = 40, asks = true, release = "current",
  },
  limit = "1h",
  cluster = function(params)
    return { writers = params.writers, readers = params.readers, release = params.release }
  end,
  run = function(c)
    local params = c.params
    if params.files > 0 then
      c:flush{ path = "db/cpu/first.parquet", bytes = "20KiB" }
      c:go(function()
        for _ = 1, params.files do
          local up = c:nodes{ role = "writer", up = true }
          if #up > 0 then
            pcall(up[1].flush, up[1], { bytes = "1B..50KiB" })
          end
          c:sleep("1s")
        end
      end)
    end
    if params.line ~= "" then
      assert(load("local c = ...\n" .. params.line))(c)
    elseif params.asks then
      local faults
      for kind in params.kinds:gmatch("%S+") do
        faults = faults or {}
        faults[#faults + 1] = kind
      end
      c:nemesis{ faults = faults, every = params.every, heal = params.heal, until_ = params.until_,
                 max_down = params.max_down, recoverable = params.recoverable, swarm = params.swarm }
    end
    c:sleep(params.length)
  end,
}
