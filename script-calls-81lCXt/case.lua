return { name = 'x', closing = 'short', 
run = function(c)
local w, r = c:node('writer-1'), c:node('reader-1')
c:attacker{on_path = {w, w}}
end }
