-- A member answers with a forged body of the right size. The reference streams it into `<path>.part`,
-- keeps that when the hash is wrong, and takes it for the file at its next look: it reports ready, nobody
-- asks again, and the forged bytes stay on its disk under a visible name. Nothing forged may stay anywhere.
return {
  name = "security-hostile-phantom",
  about = "A forged body leaves nothing behind; in the reference it stays as a visible part file that counts as "
    .. "the file.",
  phase = 4,
  params = {},
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "intact-bytes" },

  run = function(c)
    local liar, reader = c:node("writer-1"), c:node("reader-1")
    local honest = c:node("reader-2")
    reader:stop{}
    local paths = liar:flush{ files = 3, bytes = "100KiB" }
    c:settle("1m")
    honest:stop{}
    liar:hostile{ kind = "corrupt-body" }
    reader:start{}
    c:sleep("20s")
    c:check(#reader:files() == 0, (reader:files()[1] or "") .. " is visible, and there is only a liar to have it from")
    honest:start{}
    c:sleep("5m")
    for _, path in ipairs(paths) do
      c:check(reader:has(path), path .. " is missing though an honest peer has it")
    end
    c:check(#reader:files() == #paths, "something is visible that is no file of the manifest")
  end,
}
