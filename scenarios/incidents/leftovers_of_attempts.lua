-- ClickHouse #14197, and Syncthing #771 before it. A fetch failed half-way on an I/O error and left its
-- temporary folder behind; each later attempt found "directory already exists" and gave up. Three replicas of
-- four stood like that, without quorum, until somebody removed the folders by hand.
--
-- Here: pulls are torn off in every way that leaves something behind (disk full, write errors, power loss,
-- SIGKILL), one after another on the same reader. No hand may be needed, and nothing may stay.
return {
  name = "incident-leftovers-of-attempts",
  about = "What earlier attempts left on a disk never stands in the way of the next one, and is cleaned away.",
  params = { bytes = "2MiB", files = 6 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",

  run = function(c)
    local reader = c:node("reader-1")
    c.net:link(reader, "all", { bandwidth = "40Mbit/s" })
    local function half_way() c:sleep("900ms") end

    c:flush{ files = c.params.files, bytes = c.params.bytes }
    half_way()
    reader:disk{ full = true }
    c:sleep("5s")
    reader:disk{ full = false, write_error = 0.5 }
    c:flush{ files = 1, bytes = c.params.bytes }
    c:sleep("5s")
    reader:disk{}
    c:flush{ files = c.params.files, bytes = c.params.bytes }
    half_way()
    reader:disk{ torn = 0.5 }
    reader:kill{ host = true }
    c:sleep("3s")
    reader:start{}
    half_way()
    reader:kill{ host = false }
    c:sleep("3s")
    reader:start{}
    reader:disk{}
    c:settle("10m")
    c:check(reader:holds_all(), "something is in the way of the next attempt")
    c:check(#reader:files() == #c:manifest(), "something was left behind under a name of its own")
  end,
}
