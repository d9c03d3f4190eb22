-- A name of 253 bytes is fine for the node that writes the file: its temporary name is a short one. Whoever
-- pulls it stages it under the same name with ".part" behind, which is more than a file system takes for
-- one component; so the file is registered and can be on no other node.
return {
  name = "reference-name-too-long-to-stage",
  about = "In `arc` a file whose name fits on its writer's disk can be staged on no other, so it is never "
    .. "replicated.",
  params = { length = 253 },
  cluster = { writers = 1, readers = 2 },
  closing = "short",
  breaks = { arc = "converges" },

  run = function(c)
    local folder = "db/cpu/2026/04/11/16/"
    local path = folder .. string.rep("n", c.params.length - #".parquet") .. ".parquet"
    c:flush{ path = path }
    c:sleep("2m")
    c:check(c:node("writer-1"):has(path), "its writer could not store it")
  end,
}
