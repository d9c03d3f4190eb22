-- There is nothing to catch up with: a cluster without a file, and one whose files were all deleted again. A
-- walk over nothing is a walk: it begins, it ends, and the node is ready at once, with the gate open. What
-- is written afterwards comes by the log.
return {
  name = "catchup-empty-manifest",
  about = "With no file in the manifest a walk ends at once, and the node is ready: nothing to wait for is no reason "
    .. "to wait.",
  phase = 3,
  params = {},
  cluster = { writers = 1, readers = 2, config = { query_gate_on_catchup = true } },

  run = function(c)
    local function fresh_is_ready(what)
      local fresh = c:add{ role = "reader" }
      c:wait(function() return fresh:up() end, "1m", "it never came up")
      c:wait(function() return fresh:ready() end, "10s", "not ready with " .. what)
      c:check(fresh:status().completed_at ~= 0, "ready without a walk, with " .. what)
      c:check(fresh:status().entries_walked == 0, "entries walked where there is none, with " .. what)
      local answer = fresh:query{}
      c:check(answer.complete and not answer.gated, "a query is refused with " .. what)
      return fresh
    end
    local first = fresh_is_ready("no file ever")
    local paths = c:flush{ files = 10 }
    c:settle("1m")
    for _, path in ipairs(paths) do c:delete(path) end
    c:settle("1m")
    fresh_is_ready("all files deleted")
    c:flush{ files = 2 }
    c:settle("1m")
    c:check(#first:files() == 2, "it has " .. #first:files() .. " files of two")
  end,
}
