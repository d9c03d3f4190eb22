-- One reader is being rescheduled when another loses its disk, and with it its vote. The one that is
-- away comes back at once, the other as a new member: with the writer they are a majority at any time
-- but for half a second. If the leader counts the dead vote as one to rely on, because it was heard a
-- moment ago, it puts out the reader that came back, and nobody can ever be elected again.
return {
  name = "vote-lost-in-a-rotation",
  about = "A reader loses its disk, and its vote, while another is restarted: the votes that live stay the "
    .. "majority, so the cluster goes on.",
  phase = 3,
  params = { files = 5, gap = "180ms" },
  cluster = { writers = 1, readers = 2 },

  run = function(c)
    c:node("writer-1"):flush{ files = c.params.files, bytes = "64KiB" }
    c:settle("5m")
    c:node("reader-2"):replace{ identity = "stable", volume = "keep", grace = "12s",
                                address = "keep", start_delay = "500ms" }
    c:sleep(c.params.gap)
    c:node("reader-1"):replace{ identity = "stable", volume = "lost", grace = "0s",
                                start_delay = "50ms" }
    c:sleep("10s")
    c:node("writer-1"):flush{ files = c.params.files, bytes = "64KiB" }
    c:settle("5m")
    c:check(c:node("reader-1"):holds_all(), "the reader that lost its disk lacks a file")
  end,
}
