-- A reader of the release `arc` keeps its files on storage that can write objects and cannot append to them, as
-- object stores do. A body breaks off. The old release keeps a part file and goes on by appending to it:
-- refused at each further try, it gives the file up, though the writer answers. `current` goes on in what it holds
-- open, or begins anew: after the upgrade, on the same storage, the file comes, and others that break off do.
return {
  name = "storage-no-append",
  about = "On storage that cannot append, `arc` gives up what broke off once, for its part file stays in the way; "
    .. "upgraded to `current` the reader gets it.",
  phase = 3,
  params = { bytes = "300KiB" },
  cluster = { writers = 1, readers = 1, releases = { ["reader-1"] = "arc" } },
  expect = { accept = { "arc" } },
  closing = "short",

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local function broken_off()
      local before = reader:stats().body_bytes
      writer:hostile{ kind = "short-body", after_bytes = "100KiB" }
      local path = writer:flush{ files = 1, bytes = c.params.bytes }[1]
      c:wait(function() return reader:stats().body_bytes > before end, "10s", "a body is on its way")
      c:sleep("50ms")
      writer:hostile(nil)
      c:sleep("30s")
      return path
    end
    c:check(reader:has(broken_off()), "arc's file is missing though its disk can append")
    c:check(reader:stats().resumed == 1, "arc did not go on where it broke off: nothing is shown")

    reader:disk{ no_append = true }
    local path = broken_off()
    c:check(reader:sha256(path) == nil, "arc has the file: it found another way than appending")
    c:check(reader:stats().bad_offset_backend > 0, "arc does not count that its storage cannot append")

    reader:restart{ release = "current", down = "1s" }
    c:wait(function() return reader:has(path) end, "1m", "the upgraded reader does not fetch what arc gave up")
    c:check(reader:has(broken_off()), "current needs to append, or gave up")
    c:settle("2m")
  end,
}
