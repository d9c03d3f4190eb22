-- A member's ack is right, or right for another file, and its bodies are not: changed, forged as a whole,
-- too short, too long. A reader that asks it first must notice by the manifest's hash alone, publish
-- nothing of it, and have the files from an honest peer within a second. Afterwards the member's lies are over.
local hostile = require "_hostile"
return {
  name = "security-hostile-bodies",
  about = "Bodies that are not the file's are thrown away by their hash, and honest copies are found within the "
    .. "same pull.",
  phase = 3,
  params = { files = 3 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "converges", phase3 = "converges" },

  run = function(c)
    for _, kind in ipairs{ "corrupt-body", "self-consistent-forgery" } do
      local saw = hostile.ask(c, kind)
      c:check(saw.ack.status == "ok", kind .. ": the ack was no good, so the body was not the lie")
      c:check(saw.checksum_mismatch >= 1, kind .. ": no hash was found wrong")
      c:check(saw.took_s < 5, kind .. ": it took " .. saw.took_s .. " s to find honest copies")
    end
    local saw = hostile.ask(c, "short-body", { after_bytes = "1KiB..90KiB" })
    c:check(saw.ack.status == "ok" and saw.checksum_mismatch == 0, "short-body: a length is no hash")
    c:check(saw.body_bytes <= saw.size_bytes + saw.asked * 90 * 1024, "short-body: more came than it sent")
    c:check(saw.took_s < 5, "short-body: it took " .. saw.took_s .. " s to find honest copies")
    saw = hostile.ask(c, "long-body")
    c:check(saw.ack.status == "ok" and saw.checksum_mismatch == 0, "long-body: what follows the body is no part of it")
    c:check(saw.body_bytes == saw.size_bytes, "long-body: bytes beyond the end were taken")
  end,
}
