-- One connection in three is reset on its way, header or body. What was received is kept for going on where
-- it stopped, and shown to nobody; tries are counted, and a pull that used them up is made anew. In the end
-- everything is there, and what came twice is little against what had to come.
return {
  name = "fetch-reset-in-the-middle",
  about = "Connections that are reset in the middle of bodies cost repetitions, never a file and never its bytes.",
  phase = 4,
  params = { reset = 0.05, files = 20 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",

  run = function(c)
    local goes_on = 0
    for _, reader in ipairs(c:readers()) do
      local a = c:attacker{ on_path = { reader, "writer-1" } }
      c:go(function()
        while true do
          local request = a:capture{ type = "FetchFile", from = reader, to = "writer-1" }
          goes_on = goes_on + (request.fields.byte_offset > 0 and 1 or 0)
        end
      end)
    end
    c.net:link("writer-1", "all", { reset = c.params.reset })
    local paths = c:flush{ files = c.params.files, bytes = "500KiB..2MiB", every = "100ms" }
    for _ = 1, 20 do
      c:sleep("500ms")
      for _, reader in ipairs(c:readers()) do
        for _, path in ipairs(reader:files()) do c:check(reader:has(path), reader.id .. " shows a part of " .. path) end
      end
    end
    c.net:heal()
    c:settle("15m")
    c:check(goes_on > 0, "no body was reset in its middle, so none had to go on there")
    local bytes = 0
    for _, entry in ipairs(c:manifest()) do bytes = bytes + entry.size_bytes end
    for _, reader in ipairs(c:readers()) do
      for _, path in ipairs(paths) do c:check(reader:has(path), reader.id .. " lacks " .. path) end
      c:check(reader:stats().body_bytes < 2 * bytes, reader.id .. " fetched everything twice")
    end
  end,
}
