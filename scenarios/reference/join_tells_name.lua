-- A stranger without the secret asks to join, under one cluster name after another. Older releases look at the
-- name first and say that it is wrong, so whoever can dial can find it out; `current` says the same to all.
return {
  name = "reference-join-tells-name",
  about = "Older releases tell a stranger whether the cluster's name was right, before they look at the MAC.",
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { arc = "uniform-refusal", phase3 = "uniform-refusal", phase2 = "uniform-refusal" },

  run = function(c)
    local writer = c:node("writer-1")
    local a = c:attacker{}
    c:flush{ files = 1 }
    c:settle("1m")
    for _, name in ipairs{ "staging", "test", "prod", "production", "" } do
      local reply = a:send(writer, { type = "JoinRequest", node_id = "reader-9", cluster_name = name,
        coord_addr = "10.9.9.9:9100", auth_nonce = string.rep("0", 64), auth_timestamp = 1775923200,
        auth_hmac = string.rep("0", 64) })
      c:check(reply ~= nil and not reply.fields.success, "a stranger was let in")
    end
    c:flush{ files = 1 }
    c:settle("1m")
  end,
}
