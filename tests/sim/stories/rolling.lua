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
    -- A lost volume may hold the only copy of what its node just wrote: others write meanwhile.
    local function rotate(nodes, is_writing)
      local is_over = false
      c:go(function()
        while not is_over do
          for _, writer in ipairs(c:nodes{ role = "writer", up = true }) do
            if is_writing(writer) then
              pcall(function() writer:flush{ files = 1, bytes = "1KiB..100KiB" } end)
            end
          end
          c:sleep("10ms..700ms")
        end
      end)
      c:rotate{ nodes = nodes, identity = c.params.identity, volume = c.params.volume, grace = c.params.grace }
      is_over = true
    end
    if c.params.volume == "keep" then
      rotate("all", function() return true end)
    else
      for _, node in ipairs(c:nodes()) do
        rotate({ node }, function(writer) return writer ~= node end)
        c:settle("5m")
      end
    end
    c:sleep("10s")
    c:settle("20m")
  end,
}
