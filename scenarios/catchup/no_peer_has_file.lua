-- A file is in the manifest and on nobody's disk. No protocol can bring it back; what counts is that
-- the reader gives up cleanly, leaves nothing half-written, keeps its gate shut, and that the file's
-- lag is reported as unbounded instead of being left out.
return {
  name = "catchup-no-peer-has-file",
  about = "For a file that no peer has a reader gives up cleanly, leaves nothing half-written and stays shut: a "
    .. "loss has to be seen, not papered over.",
  phase = 3,
  params = { files = 3, bytes = "64KiB" },
  cluster = { writers = 1, readers = 2 },
  closing = "short",

  run = function(c)
    local paths = c:flush{ files = c.params.files, bytes = c.params.bytes }
    c:settle("2m")
    local lost = paths[1]
    for _, node in ipairs(c:nodes{}) do
      node:remove(lost)
      c:check(not node:has(lost), node.id .. " still has the file")
    end

    local fresh = c:add{ role = "reader" }
    c:wait(function() return fresh:up() and fresh:stats().failed >= 1 end, "5m",
           "the fresh reader never gave up on the lost file")
    c:check(not fresh:has(lost), "the lost file appeared from nowhere")
    for index = 2, #paths do
      c:check(fresh:has(paths[index]), "the lost file held up " .. paths[index])
    end
    local visible = {}
    for _, path in ipairs(fresh:files()) do
      visible[path] = true
    end
    c:check(not visible[lost], "something half-written is visible under the final name")
    c:check(#fresh:files() == c.params.files - 1, "unknown files on the fresh reader's disk")
    c:check(not fresh:ready(), "ready without a file that it owes")
  end,
}
