-- Ten files exist before a reader does. The reader has no announcements to go by: it must walk the
-- manifest and pull what it lacks, and only then call itself ready.
return {
  name = "catchup-happy-path",
  about = "A fresh reader walks the manifest and pulls the ten files written before it was born: what nobody "
    .. "announces to it, it has to find by itself.",
  phase = 3,
  params = { files = 10, bytes = "64KiB" },
  cluster = { writers = 1, readers = 2 },

  run = function(c)
    local paths = c:flush{ files = c.params.files, bytes = c.params.bytes }
    c:settle("2m")

    local fresh = c:add{ role = "reader" }
    c:check(not fresh:ready(), "the fresh reader is ready before it has booted")
    c:wait(function() return fresh:ready() end, "2m", "the fresh reader never became ready")

    c:check(#paths == c.params.files, "the writer stored only " .. #paths .. " files")
    for _, path in ipairs(paths) do
      c:check(fresh:has(path), "ready without " .. path)
    end
    local stats = fresh:stats()
    c:check(stats.pulled >= c.params.files, "it counts only " .. stats.pulled .. " pulls")
    c:check(stats.failed == 0, stats.failed .. " pulls failed in a healthy cluster")
    c:settle("1m")
  end,
}
