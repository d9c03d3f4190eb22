-- A reader's clock gains 5 % (a broken oscillator). It wanders out of the window within two hours; from
-- then on its fetches are refused and its heartbeats unheard, though it is up, and follows the log. Then
-- its clock is set right. It must come back by itself, with every file written meanwhile.
return {
  name = "clock-drifts-out",
  about = "A drifting clock shuts a reader out at 300 s, not before; once corrected it catches up without a restart.",
  phase = 3,
  params = { drift_ppm = 50000 },
  cluster = { writers = 1, readers = 3 },
  closing = "short",
  limit = "12h",

  run = function(c)
    local reader = c:node("reader-1")
    reader:clock{ drift_ppm = c.params.drift_ppm }
    local out_s = 300 / (math.abs(c.params.drift_ppm) / 1e6)
    local seen_out = false
    while c:now() < out_s + 600 do
      local offset_s = c:now() * math.abs(c.params.drift_ppm) / 1e6
      local path = c:flush{ files = 1 }[1]
      c:sleep("5s")
      if offset_s < 298 then
        c:check(reader:has(path), string.format("no file with a clock %.0f s off", offset_s))
      elseif offset_s > 302 then
        seen_out = true
        c:check(not reader:has(path), string.format("a file came with a clock %.0f s off", offset_s))
      end
      c:sleep("5m")
    end
    c:check(seen_out, "the clock never left the window")
    reader:clock{}
    c:sleep("1s")
  end,
}
