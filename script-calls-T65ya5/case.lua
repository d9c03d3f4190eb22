return { name = 'x', closing = 'short', 
run = function(c)
local w, r = c:node('writer-1'), c:node('reader-1')
c:go(function() for i = 1, 40 do w:flush{} c:sleep('500ms') end end)
c:rotate{start_delay = '1s..2s'} c:sleep('1m') c:settle()
c:check(#c:manifest() > 35, #c:manifest() .. ' registered')
end }
