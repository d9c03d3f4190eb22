-- Two registered paths, a..b and a_b. The reference's store replaces every ".." by "_" before it opens a
-- file: both paths are one file, and whichever came last has the bytes of both.
return {
  name = "reference-one-name-for-two",
  about = "The store of older releases maps two different paths to one file, so each overwrites the other.",
  params = {},
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { arc = "intact-bytes", phase2 = "intact-bytes", phase3 = "intact-bytes" },

  run = function(c)
    c:flush{ path = "db/cpu/a..b.parquet" }
    c:flush{ path = "db/cpu/a_b.parquet" }
    c:sleep("30s")
  end,
}
