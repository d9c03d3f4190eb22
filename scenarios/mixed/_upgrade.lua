-- Every node is rotated to another release, one at a time, while files come in all the time. Registered
-- files must be everywhere afterwards. (What the registrar of arc loses never is: an accepted exception.)
return function(from, to)
  return function(c)
    local writer = c:node("writer-1")
    local paths, is_over = {}, false
    for _, node in ipairs(c:nodes{}) do
      c:check(node.release == from, node.id .. " does not begin as " .. from)
    end
    c:go(function()
      while not is_over do
        if writer:up() then
          for _, path in ipairs(writer:flush{ files = 2, bytes = c.params.bytes }) do
            paths[#paths + 1] = path
          end
        end
        c:sleep("2s")
      end
    end)
    c:sleep("10s")
    local before = c:manifest()
    c:rotate{ release = to, nodes = "all", grace = "30s" }
    is_over = true
    c:sleep("10s")
    c:settle("5m")
    local registered = c:manifest()
    for _, node in ipairs(c:nodes{ up = true }) do
      c:check(node.release == to, node.id .. " still runs as " .. node.release)
      for _, entry in ipairs(registered) do
        c:check(node:has(entry.path), node.id .. " lacks " .. entry.path .. " after the rotation")
      end
    end
    local is_there = {}
    for _, entry in ipairs(registered) do is_there[entry.path] = true end
    for _, entry in ipairs(before) do
      c:check(is_there[entry.path], "the manifest lost " .. entry.path)
    end
    c:check(#before > 0 and #registered > #before, "no file came in while the nodes were rotated")
    c:sometimes("rotated-under-load", #paths > 20)
  end
end
