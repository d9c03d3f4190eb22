-- Answers carry no MAC on this wire: an attacker may change them as it likes. It may cost time, never
-- truth: what is published has the manifest's hash, and after the attacker every file is there.
return {
  name = "security-tamper-ack",
  about = "Answers that are changed in flight cost tries and never truth: they carry no MAC, so no wrong byte "
    .. "may become visible by them.",
  phase = 3,
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local a = c:attacker{ on_path = { writer, reader } }
    local changes = {
      { size_bytes = 7 }, { size_bytes = -1 }, { sha256 = string.rep("0", 64) }, { byte_offset = 3 },
      { status = "error", code = "not_found", error = "file not found on local backend" },
      { status = "error", code = "", error = "file not in manifest" }, { status = "OK" },
    }
    for _, change in ipairs(changes) do
      a:tamper{ type = "FetchFileAck", fields = change }
      local path = c:flush{ files = 1, bytes = "1KiB..100KiB" }[1]
      c:sleep("500ms")
      c:check(not reader:has(path), "a changed answer changed nothing")
      a:stop()
    end
    c:settle("10m")
  end,
}
