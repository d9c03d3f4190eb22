-- A writer writes over the only copy of a registered file, and is killed before that is registered. What
-- the manifest names exists no more: nobody is to blame for the bytes that are there instead.
return {
  name = "written-over",
  about = "A rewrite that a kill kept from being registered loses the file, and is no wrong byte.",
  params = { identity = "stable" }, -- or "new": the volume goes to another pod afterwards
  cluster = { writers = 1, readers = 2 },
  run = function(c)
    local writer = c:node("writer-1")
    for _, reader in ipairs(c:readers()) do
      reader:disk{ full = true }
    end
    local path = writer:flush{ bytes = "10KiB" }[1]
    c:wait(function() return #c:manifest() == 1 end, "1m", "it is not registered")
    c.net:isolate(writer)
    writer:rewrite(path)
    writer:kill{ host = false }
    c.net:heal()
    writer:start()
    if c.params.identity == "new" then
      c:wait(function() return writer:up() end, "1m")
      writer = writer:replace{ identity = "new", volume = "keep" }
    end
    c:wait(function() return writer:up() end, "1m")
    c:check(not writer:has(path), "the former version is back")
    c:check(#writer:files() == 1, "the new version is gone")
  end,
}
