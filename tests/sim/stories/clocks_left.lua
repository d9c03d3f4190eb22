-- Two nodes agree with each other on a time that nobody else has, and the story leaves it so. Had the
-- closing set them back, they would refuse every stamp of the next minutes as one they may have forgotten.
return {
  name = "clocks-left",
  about = "Clocks that the story leaves wrong agree again in the closing, and none is set back for it.",
  params = { ahead = "20m", behind = "-2h" },
  cluster = { writers = 1, readers = 4 },
  run = function(c)
    for _, id in ipairs{ "reader-1", "reader-2" } do c:node(id):clock{ jump = c.params.ahead } end
    c:node("reader-3"):clock{ jump = c.params.behind, drift_ppm = 300 }
    for _ = 1, 6 do
      c:flush{ files = 1 }
      c:sleep("1m")
    end
    c:node("reader-4"):clock{ skew = "-9m" }
    c:flush{ files = 1 }
  end,
}
