-- Every call and every fault, once with it and once without: what the story sees must differ as its row
-- says. Without a row's name, the names of all rows are printed.
local rows, names = {}, {}

-- `fn(c, with)` gives what is seen; `more` may have `cluster` and other sections, and `violates`: the
-- property that is violated with it, whatever is seen.
local function row(name, yes, no, fn, more)
  assert(rows[name] == nil, name .. " is there twice")
  assert(tostring(yes) ~= tostring(no) or (more and (more.violates or more.elsewhere)), name .. " shows nothing")
  rows[name] = { yes = tostring(yes), no = tostring(no), fn = fn, more = more or {} }
  names[#names + 1] = name
end

for _, part in ipairs{ "_matters_cluster", "_matters_node", "_matters_network", "_matters_hostile" } do
  require(part)(row)
end

local function section(key, default)
  return function(params)
    local of = rows[params.row]
    return of and of.more[key] or default
  end
end

return {
  name = "matters",
  about = "Each call and each fault changes what is seen.",
  params = { row = "", with = true },
  cluster = section("cluster", { writers = 1, readers = 2 }),
  network = section("network"),
  storage = section("storage"),
  closing = "short",
  expect = function(params)
    local of = rows[params.row]
    return params.with and of and of.more.violates and { violates = of.more.violates } or { accept = { "arc" } }
  end,
  run = function(c)
    if c.params.row == "" then
      for _, name in ipairs(names) do print(name) end
      return
    end
    local of = assert(rows[c.params.row], "no such row")
    local seen = tostring((of.fn(c, c.params.with)))
    local wanted = c.params.with and of.yes or of.no
    if not (of.more.violates or of.more.elsewhere) then
      c:check(seen == wanted, ("%s is seen, not %s"):format(seen, wanted))
    end
  end,
}
