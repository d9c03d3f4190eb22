-- What users do to a cluster all day: flushes from every writer, rewrites, deletes, compactions. What
-- cannot be done at a moment (the node is down, nobody leads) is left out then, and tried anew later.
local load = {}

local function writer(c)
  local up = c:nodes{ role = "writer", up = true }
  return #up > 0 and c.rng:pick(up) or nil
end

local function entry(c)
  local manifest = c:manifest()
  return #manifest > 0 and c.rng:pick(manifest).path or nil
end

function load.flush(c)
  local node = writer(c)
  if node then
    pcall(node.flush, node, { files = c.rng:int(1, 3), bytes = c.params.bytes, measurement = c.rng:pick{ "cpu", "mem" } })
  end
end

function load.rewrite(c)
  local node, path = writer(c), entry(c)
  if node and path and node:has(path) then
    pcall(node.rewrite, node, path, c.rng:chance(0.5) and { bytes = c.params.bytes } or {})
  end
end

function load.delete(c)
  local path = entry(c)
  if path then
    pcall(c.delete, c, path)
  end
end

function load.compact(c)
  pcall(c.compact, c, { inputs = c.rng:int(2, 4) })
end

-- All of it, until that time.
function load.begin(c, until_s)
  local function often(every, what)
    c:every(every, function()
      if c:now() < until_s then
        what(c)
      end
    end)
  end
  often(c.params.flush_every, load.flush)
  often("7s", load.rewrite)
  often("5s", load.delete)
  often("11s", load.compact)
end

return load
