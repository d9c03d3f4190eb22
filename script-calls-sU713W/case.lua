return { name = 'x', closing = 'short', cluster = {readers = 4},
run = function(c)
local w, r = c:node('writer-1'), c:node('reader-1')
w:kill() c:truncate_log() c:leader():kill() w:start() c:force_election()
c:leader():restart() c:transfer_leader(w) c:check(c:leader() == w, 'leader')
end }
