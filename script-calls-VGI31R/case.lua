return { name = 'x', closing = 'short', 
run = function(c)
local w, r = c:node('writer-1'), c:node('reader-1')
local paths = {}
c:go(function() for i = 1, 40 do paths[i] = c:flush{}[1] c:sleep('500ms') end end)
c:sleep(1) w:kill() c:sleep(2) w:start() c:sleep(2) w:restart() c:sleep('1m')
c:check(#paths > 35, #paths .. ' flushed') c:settle()
end }
