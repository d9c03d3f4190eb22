-- The same attacker, on links that are encrypted and authenticated: it sees nothing that it could repeat,
-- change or single out.
return {
  name = "security-tls-blind",
  about = "On encrypted links an attacker on the path reads and changes nothing: what all other scenarios of "
    .. "this folder fear does not exist there.",
  phase = 2,
  params = {},
  cluster = { writers = 1, readers = 1, tls = true },
  closing = "short",

  run = function(c)
    local writer, reader = c:node("writer-1"), c:node("reader-1")
    local a = c:attacker{ on_path = { writer, reader } }
    local cap
    c:go(function() cap = a:capture{ type = "FetchFile" } end)
    a:tamper{ type = "FetchFile", fields = { path = "db/none.parquet" } }
    a:drop{ type = "FetchFileAck" }
    c:flush{ files = 5 }
    c:settle("10s")
    c:check(cap == nil, "an encrypted request was read")
  end,
}
