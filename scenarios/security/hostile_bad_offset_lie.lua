-- A transfer breaks off half-way, so its rest is asked for with an offset; the peer answers that no such
-- offset exists. The puller may forget what it has staged. It must not loop, nor touch a published file.
return {
  name = "security-hostile-bad-offset-lie",
  about = "A member that denies offsets after broken bodies costs a partial body at most: nothing published is "
    .. "touched, nothing loops.",
  phase = 3,
  params = {},
  cluster = { writers = 1, readers = 2 },
  closing = "short",

  run = function(c)
    local writer = c:node("writer-1")
    writer:hostile{ kind = "short-body", after_bytes = "100KiB" }
    c:flush{ files = 3, bytes = "300KiB" }
    c:sleep("200ms") -- each has its 100 KiB, and is about to try again
    writer:hostile{ kind = "bad-offset-lie" }
    c:sleep("5s")
    for _, reader in ipairs(c:readers()) do
      for _, path in ipairs(reader:files()) do
        c:check(reader:has(path), reader.id .. " shows a part of " .. path)
      end
    end
    local lied_to = 0
    for _, reader in ipairs(c:readers()) do lied_to = lied_to + reader:stats().bad_offset_server end
    c:check(lied_to > 0, "nobody asked for a rest, so nobody was lied to")
    writer:hostile(nil)
    c:settle("10m")
  end,
}
