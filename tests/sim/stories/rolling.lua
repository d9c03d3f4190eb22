-- Rotations under load.
return {
  name = "rolling",
  about = "Rotations under load, with or without new names and lost volumes, lose no file.",
  params = { identity = "stable", volume = "keep", files = 40, grace = "30s", readers = 3, writers = 1 },
  limit = "6h",
  cluster = function(params) return { writers = params.writers, readers = params.readers, compactors = 1 } end,
  run = function(c)
    c:flush{ files = c.params.files, bytes = "1KiB..100KiB" }
    c:settle("5m")
    local is_over = false
    c:go(function()
      while not is_over do
        local ok = pcall(function() c:flush{ files = 1, bytes = "1KiB..100KiB" } end)
        c:sleep("10ms..700ms")
      end
    end)
    c:rotate{ identity = c.params.identity, volume = c.params.volume, grace = c.params.grace }
    is_over = true
    c:sleep("10s")
    if c.params.volume == "keep" then c:settle("20m") end
  end,
}
