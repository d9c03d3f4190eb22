-- A registration travels to the leader as a signed command. Retention deletes the file; then somebody repeats
-- the command, at once, again and again, and after nearly as long as its stamp is good. Were it taken once
-- more, the deleted file would be back in the manifest, and no query would ever be complete again.
return {
  name = "security-forward-replayed",
  about = "A forwarded command acts once: its repetitions are refused as such, and nothing deleted comes back.",
  phase = 4,
  params = {},
  cluster = { writers = 2, readers = 2 },
  closing = "short",

  run = function(c)
    local leader, other = c:node("writer-1"), c:node("writer-2")
    local a = c:attacker{ on_path = { leader, other } }
    local cap
    c:go(function() cap = a:capture{ type = "ForwardApply", from = other, to = leader } end)
    local path = other:flush{ files = 1 }[1]
    c:settle("1m")
    c:check(cap ~= nil, "no command was forwarded")
    if not cap then return end
    c:delete(path)
    for _, after in ipairs{ 0, 0, 1, 100 } do
      local reply = a:replay(cap, { to = leader, after = after })
      c:check(reply and reply.status == "error" and reply.code == "auth", "the command was taken a second time")
      c:check(reply and reply.error == "nonce replay", "refused as '" .. tostring(reply and reply.error) .. "'")
    end
    local changed = a:replay(cap, { to = leader, fields = { command_json = '{"type":8,"payload":"e30="}' } })
    c:check(changed and changed.error == "authentication failed", "another command under the same MAC")
    c:sleep("1s")
    for _, entry in ipairs(c:manifest()) do c:check(entry.path ~= path, "the deleted file is registered again") end
  end,
}
