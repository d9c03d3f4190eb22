-- A member does not answer, stops in the middle, or sends five bytes a second; or it hangs up. Hanging up
-- costs nothing; silence costs one time-out of the fetch, counted from its begin: neither a byte now and
-- then nor an ack makes it longer. The reference waits for ever, with every worker that it has.
local hostile = require "_hostile"
return {
  name = "security-hostile-silences",
  about = "A peer that falls silent costs one fetch time-out a try and no more, also one that drips: no worker "
    .. "is lost to it.",
  phase = 3,
  params = { files = 3, timeout_s = 5 },
  cluster = function(params)
    return { writers = 1, readers = 2, config = { replication_fetch_timeout_ms = params.timeout_s * 1000 } }
  end,
  closing = "short",
  breaks = { arc = "liveness", phase3 = "liveness" },

  run = function(c)
    for _, kind in ipairs{ "never-ack", "stall", "slow-drip" } do
      local saw = hostile.ask(c, kind)
      c:check(saw.took_s > c.params.timeout_s, kind .. ": the honest peer was asked before the time-out")
      -- An attempt that begins before any other peer has answered is over with this one, and so is the next.
      c:check(saw.took_s < 2 * c.params.timeout_s + 2, kind .. ": it took " .. saw.took_s .. " s")
      c:check(saw.checksum_mismatch == 0, kind .. ": silence has no hash")
    end
    for _, kind in ipairs{ "close-early", "reset" } do
      for _, after in ipairs{ 0, "1KiB..90KiB" } do
        local saw = hostile.ask(c, kind, { after_bytes = after })
        c:check(saw.took_s < 2, kind .. ": it took " .. saw.took_s .. " s to go on elsewhere")
        c:check(saw.body_bytes <= saw.size_bytes + saw.asked * 90 * 1024, kind .. ": more came than was sent")
      end
    end
  end,
}
