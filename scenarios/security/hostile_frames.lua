-- In place of an ack a member sends what is no ack: noise, a length beyond the limit, a length of zero, a
-- frame of another type, JSON that is none. A reader hangs up and asks the next peer; it neither waits for
-- a frame that will never be whole, nor makes room for one.
local hostile = require "_hostile"
return {
  name = "security-hostile-frames",
  about = "What is no frame, or no ack, ends the try at once: the next peer is asked within the same attempt.",
  phase = 3,
  params = { files = 3 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",

  run = function(c)
    for _, kind in ipairs{ "garbage-frame", "huge-frame", "zero-frame", "wrong-type", "malformed-json" } do
      local saw = hostile.ask(c, kind)
      c:check(not saw.ack or saw.ack.status == nil, kind .. ": a good ack came")
      c:check(saw.body_bytes == saw.size_bytes, kind .. ": bytes were taken from the liar")
      c:check(saw.checksum_mismatch + saw.bad_offset_server == 0, kind .. ": counted as what it is not")
      c:check(saw.took_s < 2, kind .. ": it took " .. saw.took_s .. " s to ask the next peer")
    end
  end,
}
