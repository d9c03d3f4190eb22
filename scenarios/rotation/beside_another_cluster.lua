-- All readers are replaced by new ones with empty disks while names are stale, and each address that
-- becomes free goes to a pod of another cluster at once, as in a shared pool of addresses. The files
-- must reach the new readers although the old names lead to strangers, and the strangers must not
-- be disturbed.
return {
  name = "beside-another-cluster",
  about = "A rotation whose old addresses pass to another cluster completes, and leaves that one alone.",
  phase = 3,
  params = { files = 30, stale = "20s" },
  cluster = { readers = 3 },

  run = function(c)
    local o = c:cluster{ name = "neighbour", readers = 2 }
    c:flush{ files = c.params.files, bytes = "64KiB..1MiB" }
    o:flush{ files = 5 }
    c:settle("1m")
    o:settle("1m")
    c:always("the neighbour stays ready", function()
      for _, n in ipairs(o:nodes()) do
        if not n:ready() then return false end
      end
      return true
    end, { every = "500ms" })

    c.net:stale_dns(c.params.stale, { reuse = true })
    c:go(function() c:flush{ files = 20, every = "1s" } end)
    c:rotate{ nodes = c:readers(), identity = "new", volume = "lost" }
    c:sleep("20s")
    c:settle("2m")
    c:check(#o:manifest() == 5, "the neighbour's manifest changed")
  end,
}
