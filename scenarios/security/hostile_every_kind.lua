-- Every way to answer a fetch badly, one after another, and one honest holder beside the liar. Each new
-- reader must get every file, whatever it was told first; nothing may stay open or staged at the end.
return {
  name = "security-hostile-every-kind",
  about = "Whatever a hostile member answers, one kind after another, each new reader gets every file from the "
    .. "honest one.",
  phase = 3,
  params = { files = 2 },
  cluster = { writers = 1, readers = 2, config = { replication_fetch_timeout_ms = 5000 } },
  closing = "short",
  limit = "3h",

  run = function(c)
    local kinds = { "corrupt-body", "self-consistent-forgery", "short-body", "long-body", "wrong-hash", "wrong-size",
      "negative-size", "huge-size", "wrong-offset", "stall", "slow-drip", "garbage-frame", "huge-frame", "zero-frame",
      "wrong-type", "malformed-json", "not-found-lie", "manifest-lie", "auth-lie", "bad-offset-lie",
      "legacy-error-near-miss", "close-early", "reset", "never-ack" }
    local writer = c:node("writer-1")
    for _, kind in ipairs(kinds) do
      writer:hostile(nil)
      c:flush{ files = c.params.files, bytes = "1KiB..400KiB" }
      c:settle("2m")
      writer:hostile{ kind = kind, after_bytes = c.rng:chance(0.5) and "1B..1KiB" or nil }
      local fresh = c:add{ role = "reader" }
      local asked = 0
      for _, peer in ipairs(c:nodes{ up = true }) do
        local a = c:attacker{ on_path = { fresh, peer } }
        c:go(function()
          while true do
            a:capture{ type = "FetchFile", from = fresh, to = peer }
            asked = asked + 1
          end
        end)
      end
      c:wait(function() return fresh:holds_all() and fresh:ready() end, "5m", kind .. ": the new reader lacks files")
      -- What comes after a body is never read, so that lie costs no second question.
      c:check(kind == "long-body" or asked > #c:manifest(), kind .. ": the liar was believed, or never asked")
      fresh:stop{}
    end
  end,
}
