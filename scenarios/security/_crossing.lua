-- Counts, by message type, the pairs of nodes between which a message of one cluster reaches the other.
-- Listeners on all paths take the first of each type; they change nothing.
return function(c, from, to, types)
  local seen = {}
  for _, x in ipairs(from:nodes()) do
    for _, y in ipairs(to:nodes()) do
      local a = c:attacker{ on_path = { x, y } }
      for _, kind in ipairs(types) do
        seen[kind] = 0
        c:go(function()
          a:capture{ type = kind, from = x, to = y }
          seen[kind] = seen[kind] + 1
        end)
      end
    end
  end
  return seen
end
