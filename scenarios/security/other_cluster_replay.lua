-- An attacker without a secret records what members of one cluster say to each other, and says it in
-- another cluster that has the same secret, nodes of the same names and a file of the same name. Every
-- word is fresh and honestly signed, but for the other cluster. Releases before phase 4 do not sign
-- heartbeats: they believe one that was made elsewhere.
local KINDS = { "JoinRequest", "Heartbeat", "FetchFile", "LeaveNotify", "AppendEntries" }

return {
  name = "security-other-cluster-replay",
  about = "What was signed for one cluster counts for nothing in another with the same secret.",
  phase = 3,
  params = { path = "db/cpu/same.parquet" },
  cluster = { name = "prod", writers = 1, readers = 2 },
  closing = "short",
  breaks = { phase3 = "scenario-check", phase2 = "scenario-check" },

  run = function(c)
    local o = c:cluster{ name = "staging", writers = 1, readers = 2, share_secret = true }
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local a = c:attacker{ on_path = { writer, reader } }
    local caps = {}
    for _, kind in ipairs(KINDS) do
      c:go(function() caps[kind] = a:capture{ type = kind, from = kind ~= "AppendEntries" and reader or nil } end)
    end
    o:flush{ path = c.params.path }
    c:flush{ path = c.params.path }
    c:settle("1m")
    o:settle("1m")
    reader:restart{ down = "2s" }
    c:wait(function() return reader:ready() end, "1m", "the reader came back")
    c:sleep("6s")

    for _, kind in ipairs(KINDS) do
      if not caps[kind] then
        return c:check(false, "no " .. kind .. " was recorded")
      end
    end
    local function say(kind, target, fields)
      local reply = a:replay(caps[kind], { to = target, fields = fields })
      c:check(not reply or reply.status == "error", kind .. " of prod is believed by " .. target.id)
      c:check(not reply or (reply.body_bytes or 0) == 0, target.id .. " gave bytes away")
    end
    for _, target in ipairs(o:nodes()) do
      for kind in pairs(caps) do
        say(kind, target)
      end
      say("JoinRequest", target, { cluster_name = "staging" })
    end
    o:flush{ files = 3 }
    o:settle("1m")
    c:check(#o:nodes{ up = true } == 3, "a node of staging was put out")
  end,
}
