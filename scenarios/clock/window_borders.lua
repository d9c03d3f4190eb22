-- A stamp is good for 300 s before and after the clock of whoever reads it, in whole seconds at receipt.
-- The writer's clock is moved against the reader's to just inside, onto and just outside each border, and
-- a file is written. Inside and on the border the fetch is served; a second further on it is refused, by
-- the code for authentication, and nothing else is wrong with the node.
return {
  name = "clock-window-borders",
  about = "Clocks 299 and 300 s apart work, 301 s do not, in both directions: operators can plan with that bound.",
  phase = 2,
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local a = c:attacker{ on_path = { writer, reader } }
    for _, skew_s in ipairs{ 299, 300, 301, -299, -300, -301 } do
      -- In the middle of a second, so that request and receipt show the same one.
      c:sleep(math.ceil(c:now()) + 0.3 - c:now())
      writer:clock{ skew = skew_s }
      local ack
      c:go(function() ack = a:capture{ type = "FetchFileAck", from = writer, to = reader } end)
      local path = writer:flush{ files = 1 }[1]
      c:wait(function() return ack ~= nil end, "10s", "no fetch was answered at " .. skew_s .. " s")
      c:sleep("100ms")
      if math.abs(skew_s) <= 300 then
        c:check(ack.fields.status == "ok", skew_s .. " s: refused: " .. ack.fields.error)
        c:check(reader:has(path), skew_s .. " s: the file did not come")
      else
        c:check(ack.fields.code == "auth", skew_s .. " s: answered " .. ack.fields.status)
        c:check(not reader:has(path), skew_s .. " s: the file came all the same")
      end
      writer:clock{ skew = 0 }
      c:settle("5m")
    end
  end,
}
