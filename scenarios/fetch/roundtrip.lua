-- The smallest whole path through the protocol: one file is flushed, registered, announced, fetched
-- over the wire, verified and published on every reader. Odd sizes are here because each of them has
-- once been somebody's special case.
return {
  name = "fetch-roundtrip",
  about = "Files of ordinary and odd sizes travel from the writer to every reader, intact: the smallest whole "
    .. "path through the protocol.",
  phase = 2,
  params = { readers = 2 },
  cluster = function(params)
    return { writers = 1, readers = params.readers }
  end,

  run = function(c)
    local writer = c:node("writer-1")
    local sizes = { 0, 1, 65535, "256KiB", 262145, "3MiB" }
    local paths = {}
    for index, size in ipairs(sizes) do
      local made = writer:flush{ bytes = size, path = "db/odd/size-" .. index .. ".parquet" }
      c:check(#made == 1, "the flush of file " .. index .. " was not stored")
      paths[index] = made[1]
    end
    c:settle("2m")

    c:check(#c:manifest() == #sizes, "the manifest has " .. #c:manifest() .. " files")
    for _, reader in ipairs(c:readers()) do
      for _, path in ipairs(paths) do
        c:check(reader:has(path), reader.id .. " lacks " .. path)
      end
      c:check(reader:stats().failed == 0, reader.id .. " counts failed pulls")
      c:check(#reader:files() == #sizes, reader.id .. " has files that nobody flushed")
    end
  end,
}
