-- A large file breaks off on its way to a reader that hears nothing of the log for a few seconds, and meanwhile
-- its writer rewrites it, much smaller. The reader goes on where it stopped: beyond the end of what the file
-- is now. The server must say so instead of sending anything, the reader must not keep bytes of a version that is
-- gone, and when the log arrives it fetches what the file has become.
return {
  name = "fetch-shrunk-while-fetched",
  about = "A fetch that goes on beyond the end of a rewritten file is refused as such, and the new version arrives "
    .. "whole.",
  phase = 3,
  params = { bytes = "2MiB", break_at = "1MiB" },
  cluster = { writers = 1, readers = 2, config = { raft_election_timeout = 10000 } },
  closing = "short",
  breaks = { arc = "converges", phase3 = "registers-all", phase2 = "registers-all" },

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    c.net:refuse("reader-2") -- nobody else to ask
    local path = writer:flush{ files = 1, bytes = c.params.bytes }[1]
    writer:hostile{ kind = "close-early", after_bytes = c.params.break_at, for_ = "1s" }
    c:wait(function() return reader:stats().body_bytes > 0 end, "10s", "a body is on its way")
    local deaf = c:attacker{ on_path = { writer, reader } }
    deaf:drop{ type = "AppendEntries", to = reader, for_ = "5s" }
    writer:rewrite(path, { bytes = "1KiB" })
    c:sleep("5s")
    local stats = reader:stats()
    c:check(stats.bad_offset_server > 0, "no try went on beyond the end of the new version: nothing is shown")
    c:check(stats.checksum_mismatch == 0, "what was there of the old version was mixed with the new one")
    c:check(reader:sha256(path) == nil, "something is visible of a version that is gone")
    c.net:heal()
    c:settle("3m")
    c:check(reader:sha256(path) == writer:sha256(path), "the new version did not arrive")
  end,
}
