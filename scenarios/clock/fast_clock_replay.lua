-- writer-2's clock is four minutes fast, which is allowed. Its forwarded registration can be accepted for
-- nine minutes: until its stamp is 300 s old by the leader's clock. A memory of nonces that lasts 300 s
-- from first sight has forgotten it before. Meanwhile retention deletes the file; the attacker repeats
-- the registration, and the reference registers the deleted file again, for ever: nobody has its bytes.
return {
  name = "clock-fast-clock-replay",
  about = "A nonce is remembered for as long as its stamp could be accepted, also one from the future: what was "
    .. "deleted is not registered again by a repetition.",
  phase = 4,
  params = { fast = "240s" },
  cluster = { writers = 2, readers = 2 },
  closing = "short",
  breaks = { arc = "no-replay" },

  run = function(c)
    local leader, fast = c:node("writer-1"), c:node("writer-2")
    local a = c:attacker{ on_path = { fast, leader } }
    fast:clock{ skew = c.params.fast }
    local cap
    c:go(function() cap = a:capture{ type = "ForwardApply", from = fast, to = leader } end)
    local path = fast:flush{ files = 1 }[1]
    c:settle("1m")
    c:check(cap ~= nil, "no registration was forwarded")
    if not cap then return end
    c:delete(path)
    local soon = a:replay(cap, { to = leader, after = "1m" })
    c:check(soon and soon.status == "error" and soon.code == "auth", "repeated within a minute, and accepted")
    c:sleep("5m")
    fast:flush{ files = 1 } -- the memory is swept from within a call
    c:settle("1m")
    local late = a:replay(cap, { to = leader })
    c:check(late and late.status == "error" and late.code == "auth", "repeated after six minutes, and accepted")
    c:sleep("1s")
    for _, entry in ipairs(c:manifest()) do
      c:check(entry.path ~= path, "the deleted file is registered again")
    end
  end,
}
