-- Redis operator (spotahome) #205. One replica with 15 GB; somebody asked for a second one and changed a memory
-- limit in the same edit. The new pod passed its probe before its transfer had begun, the rollout went on
-- and ended the old pod, the new one was promoted as it was, empty, and the old one came back and
-- replicated the emptiness.
--
-- Here, a hundred times smaller on a link a hundred times slower: one writer holds 150 MiB, a reader is added,
-- and as soon as it calls itself ready the writer is replaced on a lost volume. Ready may only mean that
-- the copy is there, which takes two minutes on this link. The log is kept elsewhere ("ideal"), as there:
-- of two voters, one that loses its disk takes the majority with it, and that is another story.
return {
  name = "incident-ready-with-nothing",
  about = "A fresh copy is not ready before it is one, so the only other copy can be replaced after it.",
  params = { files = 15, bytes = "10MiB", bandwidth = "10Mbit/s" },
  cluster = { writers = 1, readers = 0, consensus = { kind = "ideal", delay = "5ms..50ms" } },
  closing = "short",
  breaks = { phase3 = "query-complete", phase2 = "query-complete" },

  run = function(c)
    local writer = c:node("writer-1")
    local paths = writer:flush{ files = c.params.files, bytes = c.params.bytes }
    c:settle("5m")
    local began = c:now()
    local fresh = c:add{ role = "reader" }
    c.net:link("all", "all", { bandwidth = c.params.bandwidth })
    c:wait(function() return fresh:ready() end, "20m", "the fresh reader became ready")
    c:metric("ready after, s", c:now() - began)
    writer:replace{ identity = "stable", volume = "lost", grace = "30s" }
    c:settle("15m")
    for _, path in ipairs(paths) do
      c:check(fresh:has(path), path .. " was lost between the two of them")
    end
  end,
}
