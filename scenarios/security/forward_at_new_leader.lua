-- The same, but the leadership moves in between. The new leader has never seen the nonce: it was told to the
-- old one. A command that says whom it is for is worth nothing here; one that does not is taken once more,
-- and a file that retention deleted is registered again, with nobody left who has it.
return {
  name = "security-forward-at-new-leader",
  about = "A command that the old leader has carried out is not carried out again by the next one.",
  phase = 4,
  params = {},
  cluster = { writers = 2, readers = 3 },
  closing = "short",
  breaks = { arc = "scenario-check" },

  run = function(c)
    local leader, other, heir = c:node("writer-1"), c:node("writer-2"), c:node("reader-1")
    local a = c:attacker{ on_path = { leader, other } }
    local cap
    c:go(function() cap = a:capture{ type = "ForwardApply", from = other, to = leader } end)
    local path = other:flush{ files = 1 }[1]
    c:settle("1m")
    c:check(cap ~= nil, "no command was forwarded")
    if not cap then return end
    c:delete(path)
    c:transfer_leader(heir)
    local reply = a:replay(cap, { to = heir })
    c:check(reply and reply.status ~= "ok", "the next leader carried it out again")
    c:sleep("5s")
    for _, entry in ipairs(c:manifest()) do c:check(entry.path ~= path, "the deleted file is registered again") end
  end,
}
