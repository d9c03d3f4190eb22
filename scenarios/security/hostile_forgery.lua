-- The worst a member can do: the hash in its answer is the hash of the forged body, so the answer holds
-- together. Only the manifest knows better. Whoever compares the bytes with the answer, not with the
-- manifest, publishes a forgery, which then spreads from reader to reader.
return {
  name = "security-hostile-forgery",
  about = "A forged body that agrees with its own ack is published nowhere: only the manifest's hash counts, or "
    .. "a forgery would spread from reader to reader.",
  phase = 3,
  params = { files = 20 },
  cluster = { writers = 1, readers = 3 },
  closing = "short",

  run = function(c)
    local writer, liar = c:node("writer-1"), c:node("reader-1")
    c:flush{ files = c.params.files }
    c:settle("2m")
    liar:hostile{ kind = "self-consistent-forgery" }
    -- The origin is gone: the liar is one of three who have the files.
    writer:stop{}
    local fresh = c:add{ role = "reader" }
    c:sleep("3m")
    for _, path in ipairs(fresh:files()) do
      c:check(fresh:has(path), "a forged " .. path .. " is visible")
    end
    c:check(fresh:stats().checksum_mismatch > 0, "the liar was never asked")
    writer:start()
    c:settle("10m")
  end,
}
