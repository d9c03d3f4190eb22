-- The origin of some files has the secret and serves wrong bytes. Two readers got the files in time; a
-- third one is born now, and asks the origin first. Every body that it takes from there must fail by
-- its hash, nothing of it may become visible, and the honest copies must be found within the attempts.
return {
  name = "security-hostile-corrupt-body",
  about = "A member that serves wrong bytes costs tries, never a file: honest copies are found, where older "
    .. "releases ask the liar until they give up.",
  phase = 3,
  params = { files = 6 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "converges", phase3 = "converges" },

  run = function(c)
    local writer = c:node("writer-1")
    c:flush{ files = c.params.files, bytes = "1B..300KiB" }
    c:settle("2m")
    writer:hostile{ kind = "corrupt-body" }
    local fresh = c:add{ role = "reader" }
    c:sleep("2m")
    local stats = fresh:stats()
    c:check(stats.checksum_mismatch > 0, "the hostile origin was never asked")
    c:check(fresh:holds_all(), "honest copies exist, and " .. stats.failed .. " pulls failed")
  end,
}
