-- With the query gate on, a reader that lost its disk refuses queries until it has caught up, rather
-- than answer from what happens to be there. With the gate off it answers at once, and incompletely;
-- where catch-up is switched off the gate could never open, and stays out of the way.
return {
  name = "catchup-query-gate",
  about = "A reader that lost its disk refuses queries until it has caught up, if its gate is on: a refused "
    .. "query is better than a silently incomplete one.",
  phase = 3,
  params = { files = 40 },
  network = { bandwidth = "20Mbit/s" },
  cluster = {
    writers = 1,
    readers = 3,
    config = { query_gate_on_catchup = true },
    configs = {
      ["reader-2"] = { query_gate_on_catchup = false },
      ["reader-3"] = { query_gate_on_catchup = true, replication_catchup_enabled = false },
    },
  },

  run = function(c)
    c:flush{ files = c.params.files, bytes = "128KiB" }
    c:settle("2m")
    local gated, open = c:node("reader-1"), c:node("reader-2")

    for _, reader in ipairs{ gated, open } do
      reader:kill{}
      reader:replace{ identity = "stable", volume = "lost", grace = 0 }
      c:wait(function() return reader:up() and #reader:files() > 0 end, "2m", "it pulls nothing")
      local answer = reader:query{}
      c:check(not reader:ready(), reader.id .. " is ready with " .. #reader:files() .. " files")
      if reader == gated then
        c:check(answer.gated, "the gate is open before catch-up is done")
        c:check(answer.missing == 0 and not answer.complete, "a refused query shows something")
      else
        c:check(not answer.gated, "refused, with the gate off")
        c:check(not answer.complete and answer.missing > 0, "complete, with files missing")
      end
      c:wait(function() return reader:ready() end, "5m", reader.id .. " never became ready")
      answer = reader:query{}
      c:check(not answer.gated and answer.complete, reader.id .. " is ready and does not answer")
    end

    c:check(not c:node("reader-3"):query{}.gated, "a gate without catch-up refuses queries")
    c:settle("2m")
  end,
}
