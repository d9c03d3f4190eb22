-- A member that has every file says that it has not, that nobody registered it, that the MAC is wrong, that
-- the offset is; or it says something that only looks like one of the words that older releases go by. Each
-- costs one question. None of it makes a reader give up while an honest peer has the file.
local hostile = require "_hostile"
return {
  name = "security-hostile-lies",
  about = "A refusal that is a lie costs one question: whatever its code, the next peer is asked.",
  phase = 3,
  params = { files = 3 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",

  run = function(c)
    local codes = {
      ["not-found-lie"] = "not_found", ["manifest-lie"] = "manifest", ["auth-lie"] = "auth",
      ["bad-offset-lie"] = "bad_offset", ["legacy-error-near-miss"] = "",
    }
    for kind, code in pairs(codes) do
      local saw = hostile.ask(c, kind)
      c:check(saw.ack.status == "error", kind .. ": the ack said " .. saw.ack.status)
      c:check(saw.ack.code == code, kind .. ": the code was '" .. saw.ack.code .. "'")
      c:check((saw.bad_offset_server > 0) == (code == "bad_offset"), kind .. ": counted as what it is not")
      c:check(saw.checksum_mismatch == 0, kind .. ": a refusal has no hash")
      c:check(saw.body_bytes == saw.size_bytes, kind .. ": bytes were taken from the liar")
      c:check(saw.took_s < 2, kind .. ": it took " .. saw.took_s .. " s to ask the next peer")
    end
  end,
}
