-- A member announces what the manifest does not say: another hash, size or offset, down to less than
-- nothing and up to 2^63 - 1 bytes. Each is seen in the header. Not one byte of the body may be taken for
-- it, nothing may be allocated by it, and only the wrong hash counts as one.
local hostile = require "_hostile"
return {
  name = "security-hostile-headers",
  about = "An ack that disagrees with the manifest ends the try before the first byte, whatever number is in it.",
  phase = 3,
  params = { files = 3 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "converges", phase3 = "converges" },

  run = function(c)
    for _, kind in ipairs{ "wrong-hash", "wrong-size", "negative-size", "huge-size", "wrong-offset" } do
      local saw = hostile.ask(c, kind)
      c:check(saw.ack.status == "ok", kind .. ": the ack said " .. saw.ack.status)
      c:check(saw.body_bytes == saw.size_bytes, kind .. ": bytes were taken from the liar")
      c:check((saw.checksum_mismatch > 0) == (kind == "wrong-hash"), kind .. ": counted as what it is not")
      c:check(saw.took_s < 5, kind .. ": it took " .. saw.took_s .. " s to find honest copies")
    end
  end,
}
