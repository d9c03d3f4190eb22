-- A file is deleted while a reader pulls it. The puller of the reference does not hear of deletions: it
-- publishes the file afterwards, and nobody ever removes it.
return {
  name = "reference-delete-during-pull",
  about = "In older releases a pull that ends after the deletion leaves a file that nobody removes; `current` "
    .. "asks the manifest again before it publishes.",
  params = { bytes = "8MiB" },
  cluster = { writers = 1, readers = 1 },
  closing = "short",
  breaks = { arc = "publish-current", phase3 = "publish-current", phase2 = "publish-current" },

  run = function(c)
    c.net:link("writer-1", "reader-1", { bandwidth = "10Mbit/s" })
    local path = c:flush{ files = 1, bytes = c.params.bytes }[1]
    c:sleep("2s")
    c:delete(path)
    c:sleep("1m")
  end,
}
