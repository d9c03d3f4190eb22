-- MinIO #10195: "client time 2020-08-04 08:04 is too apart with server time 2020-08-03 17:09". One of four
-- hosts was 15 hours behind after a restore; it was refused by all others, and the messages spoke of
-- disks to be formatted. (#4831: ten seconds were enough then. #5774 later widened the window to 15 minutes.)
--
-- Here: one of four nodes is 15 hours behind for ten minutes while files arrive, then NTP steps its clock. It
-- gets nothing meanwhile, since every request of it is refused; nobody else may notice, and afterwards it
-- comes back by itself: no restart, and nothing is given up for good.
return {
  name = "incident-clocks-apart",
  about = "A node 15 hours behind is refused by all, disturbs nobody, and catches up by itself when its clock is set.",
  params = { behind = "-15h", wrong = "10m" },
  cluster = { writers = 1, readers = 3 },
  closing = "short",
  breaks = { arc = "converges", phase3 = "converges" },

  run = function(c)
    local behind, other = c:node("reader-2"), c:node("reader-1")
    c:flush{ files = 5 }
    c:settle("1m")
    behind:clock{ skew = c.params.behind }
    local paths = c:flush{ files = 10, every = "5s" }
    c:sleep(c.params.wrong)
    c:check(other:holds_all(), "the others are not disturbed")
    c:check(not behind:has(paths[1]), "a request 15 hours old was served")
    behind:clock{ skew = 0 }
    c:settle("10m")
    c:check(behind:holds_all(), "it came back by itself")
  end,
}
