-- A pod is killed and comes back under a new name with its old volume, and so with the old raft id; nobody
-- took the old name out. When it leads, everybody looks up the leader's address by that raft id: whoever
-- takes the first entry sends its registrations to a pod that is gone, until the old name is removed.
return {
  name = "renamed-on-its-folder",
  about = "A pod comes back under another name on its old volume, and leads: registrations go to who is there, "
    .. "not to the name that was.",
  params = { files = 5 },
  cluster = { writers = 2, readers = 2 },

  run = function(c)
    c:flush{ files = c.params.files }
    c:settle("1m")
    local old = c:node("writer-1")
    old:kill{}
    c:wait(function() return c:leader() ~= nil and c:leader().id ~= old.id end, "1m", "nobody else leads")
    local new = old:replace{ identity = "new", volume = "keep", grace = "0s" }
    c:wait(function() return new:ready() end, "2m", "the new pod is not ready")
    c:transfer_leader(new)
    c:node("writer-2"):flush{ files = c.params.files }
    c:settle("2m")
    c:check(#c:manifest() == 2 * c.params.files, "the manifest has " .. #c:manifest() .. " files")
  end,
}
