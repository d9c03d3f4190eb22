-- Heartbeats carry no MAC until phase 4. Anybody who can reach the port may report a node as leaving:
-- its peers stop asking it for files, and a reader that joins finds no peer that would have them.
return {
  name = "reference-forged-heartbeat",
  about = "Phase 3's heartbeats carry no MAC: whoever reaches the port can talk healthy nodes out of service.",
  params = { files = 3 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { phase3 = "scenario-check" },

  run = function(c)
    local reader, fine = c:node("reader-1"), c:node("reader-2")
    local a = c:attacker{}
    c:flush{ files = c.params.files }
    c:settle("1m")
    local json = '{"node_id":"reader-2","state":"dead","is_leader":false,"timestamp":"2026-04-11T16:00:00Z"}'
    local frame = string.pack(">I4B", #json + 1, 4) .. json
    local reply = a:send(reader, frame)
    c:check(not reply, "a heartbeat that nobody signed was answered")
  end,
}
