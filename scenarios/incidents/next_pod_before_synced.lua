-- manticoresearch-helm #100. A rolling update of a StatefulSet moves on as soon as a restarted pod answers
-- its probe, not when it holds the data again. Three pods in a row come back with nothing, and the one that
-- still had everything is restarted last: the last good copy goes with it.
--
-- Here: three pods on scratch volumes, 40 files of 1 MiB, a link on which a pod needs a good 20 s to be
-- whole again. What keeps the data is the meaning of "ready" alone: who is ready holds everything.
return {
  name = "incident-next-pod-before-synced",
  about = "A rolling update over scratch volumes keeps every file only if ready means synced.",
  params = { files = 40, bytes = "1MiB", bandwidth = "16Mbit/s" },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { phase3 = "query-complete", phase2 = "query-complete" },

  run = function(c)
    local paths = c:flush{ files = c.params.files, bytes = c.params.bytes }
    c:settle("2m")
    c.net:link("all", "all", { bandwidth = c.params.bandwidth })
    c:rotate{ nodes = { "reader-1", "reader-2", "writer-1" }, volume = "lost", start_delay = "2s" }
    c.net:heal()
    c:settle("5m")
    for _, path in ipairs(paths) do
      c:check(c:node("writer-1"):has(path), path .. " was lost in the update")
    end
  end,
}
