-- One kind of hostile answer, judged. writer-1, the origin, lies; reader-1 holds its files honestly;
-- reader-2, which slept through them, starts and asks.
local M = {}

local function sum_of(c, paths)
  local wanted, bytes = {}, 0
  for _, path in ipairs(paths) do wanted[path] = true end
  for _, entry in ipairs(c:manifest()) do
    if wanted[entry.path] then bytes = bytes + entry.size_bytes end
  end
  return bytes
end

-- Counts what reader-2 asks of writer-1, and keeps the answers that are acks at all.
local function listen(c, saw)
  local liar, reader = c:node("writer-1"), c:node("reader-2")
  local a = c:attacker{ on_path = { liar, reader } }
  c:go(function()
    while not saw.is_over do
      a:capture{ type = "FetchFile", from = reader, to = liar }
      saw.asked = saw.asked + 1
    end
  end)
  c:go(function()
    while not saw.is_over do
      local ack = a:capture{ type = "FetchFileAck", from = liar, to = reader }
      saw.ack = saw.ack or ack.fields
    end
  end)
end

local function round(c, kind, options)
  local liar, honest, reader = c:node("writer-1"), c:node("reader-1"), c:node("reader-2")
  liar:hostile(nil)
  reader:stop{}
  local paths = liar:flush{ files = c.params.files, bytes = "100KiB..300KiB" }
  c:wait(function() return honest:has(paths[#paths]) and honest:holds_all() end, "1m", "nobody has honest copies")
  local how, before = { kind = kind }, reader:stats()
  for key, value in pairs(options or {}) do how[key] = value end
  liar:hostile(how)
  local saw = { asked = 0, began_s = c:now() }
  listen(c, saw)
  reader:start{}
  c:wait(function() return reader:up() and reader:has(paths[#paths]) and reader:holds_all() end, "5m",
    kind .. ": the reader lacks files that an honest peer has")
  saw.is_over, saw.took_s, saw.size_bytes = true, c:now() - saw.began_s, sum_of(c, paths)
  for name, value in pairs(reader:stats()) do saw[name] = value - (before[name] or 0) end
  for _, path in ipairs(reader:files()) do
    c:check(reader:has(path), kind .. ": forged bytes are visible under " .. path)
  end
  c:check(#reader:files() == #c:manifest(), kind .. ": there are files that nobody registered")
  c:check(saw.failed == 0, kind .. ": " .. saw.failed .. " pulls failed beside an honest peer")
  c:wait(function() return reader:ready() end, "1m", kind .. ": the reader holds all and is not ready")
  return saw
end

-- Until the liar was asked; gives what reader-2 saw of it: .asked, .ack (the first), .took_s, .size_bytes
-- (of the files), and how far each counter of the puller moved.
function M.ask(c, kind, options)
  for _ = 1, 10 do
    local saw = round(c, kind, options)
    if saw.asked > 0 then return saw end
  end
  c:check(false, kind .. ": the liar was never asked")
  return round(c, kind, options)
end

return M
