-- A rolling update as Kubernetes does it: every pod in turn is stopped, waits, and comes back on its
-- own disk under a new address, while the writer keeps flushing. Nothing may be lost and nobody may
-- end up behind: this is an ordinary Tuesday.
return {
  name = "rolling",
  about = "Every pod is rotated in turn under load, and no file is lost or left behind: the everyday of a "
    .. "cluster on Kubernetes.",
  phase = 3,
  params = { readers = 3, bytes = "32KiB", every = "500ms" },
  cluster = function(params)
    return { writers = 2, readers = params.readers }
  end,

  run = function(c)
    local flushed = {}
    local is_rotating = true
    c:go(function()
      while is_rotating do
        local up = c:nodes{ role = "writer", up = true }
        if #up > 0 then
          local ok, paths = pcall(up[1].flush, up[1], { bytes = c.params.bytes })
          for _, path in ipairs(ok and paths or {}) do
            flushed[#flushed + 1] = path
          end
        end
        c:sleep(c.params.every)
      end
    end)

    c:sleep("5s")
    local before = {}
    for _, node in ipairs(c:nodes{}) do
      before[node] = node.addr
    end
    local began = c:now()
    c:rotate{ max_unavailable = 1, grace = "30s" }
    c:metric("rotation took, s", c:now() - began)
    is_rotating = false
    c:sleep("2s")
    c:settle("5m")

    c:check(#flushed > 0, "the load flushed nothing")
    for node, address in pairs(before) do
      c:check(node:ready(), node.id .. " is not ready after its turn")
      c:check(node.addr ~= address, node.id .. " kept its address: it was not rotated")
    end
    local listed = {}
    for _, entry in ipairs(c:manifest()) do
      listed[entry.path] = true
    end
    local lost = 0
    for _, path in ipairs(flushed) do
      if not listed[path] then
        lost = lost + 1
      end
    end
    c:check(lost == 0, lost .. " flushed files are not in the manifest")
    c:metric("files flushed", #flushed)
  end,
}
