-- A writer is stopped in good order while files come in. In the reference the registrar is a hook, and the
-- buffers are a component: all hooks stop before the first component does, so the last flush hands its
-- files to a registrar that is gone. They lie on the disk and are in no manifest.
return {
  name = "reference-last-flush",
  about = "In older releases what a writer flushes while it stops is never registered: each rolling update "
    .. "loses the last files.",
  params = { files = 400 },
  cluster = { writers = 2, readers = 1 },
  closing = "short",
  breaks = { arc = "registers-all", phase3 = "registers-all", phase2 = "registers-all" },

  run = function(c)
    local writer = c:node("writer-1")
    for _ = 1, 4 do
      c:go(function()
        pcall(function() writer:flush{ files = c.params.files, bytes = "512KiB", every = "5ms" } end)
      end)
    end
    c:sleep("200ms")
    writer:stop{}
    writer:start{}
    c:sleep("2m")
  end,
}
