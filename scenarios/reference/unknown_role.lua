-- A node's record says a role that no release knows: a typing error in a deployment, or a member that
-- wants more than a reader may. The reference reads it as standalone, which may do everything, so such
-- a node deletes files from the manifest; it should be able to do no more than a reader.
return {
  name = "reference-unknown-role",
  about = "In `arc` a node whose role nobody knows may change the manifest: a typing error in a configuration "
    .. "is a right to write.",
  params = {},
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "scenario-check" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local path = c:flush{ files = 2 }[1]
    c:settle("1m")
    local refused = reader:propose{ type = "DeleteFile", path = path }
    c:check(refused.code == "auth", "a reader deleted a file")

    local changed = writer:propose{ type = "UpdateNode", id = "reader-1", role = "gateway" }
    c:check(changed.status == "ok", "the record was refused: " .. changed.error)
    c:sleep("2s")
    local answer = reader:propose{ type = "DeleteFile", path = path }
    c:check(answer.code == "auth", "a gateway may change the manifest: " .. answer.status .. " " .. answer.code .. " " .. answer.error)
  end,
}
