-- A cluster that grew for a while becomes small again: ten readers join, and are stopped for good one
-- after another, as a StatefulSet that is scaled down does it: a pod is taken when the one before is gone,
-- and asking for that takes a moment. Some of them vote. Those that stay must keep a quorum, although
-- ten of twelve are gone and none of them comes back.
--
-- With gap=1ms, which no orchestrator does, some seeds lose the quorum: record 0064 tells why.
return {
  name = "scale-down",
  about = "Ten readers of twelve nodes are stopped for good, one after another; the two that stay have a quorum.",
  phase = 3,
  params = { readers = 10, gap = "2s" },
  cluster = { writers = 1, readers = 1 },

  run = function(c)
    c:flush{ files = 10, bytes = "10KiB" }
    local guests = {}
    for i = 1, c.params.readers do guests[i] = c:add{ role = "reader" } end
    c:settle("3m")
    local longest = 0
    for _, n in ipairs(guests) do
      local began = c:now()
      n:stop{ grace = "30s" }
      longest = math.max(longest, c:now() - began)
      c:sleep(c.params.gap)
    end
    c:metric("longest stop, s", longest)
    c:check(longest <= 9, "a stop took longer than it may")
    c:wait(function() return c:leader() ~= nil end, "1m", "somebody leads those that stay")
    local before = #c:manifest()
    c:flush{ files = 5, bytes = "10KiB" }
    c:settle("2m")
    c:check(#c:manifest() == before + 5, "what was flushed afterwards is not registered")
  end,
}
