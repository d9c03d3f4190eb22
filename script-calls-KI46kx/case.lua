return { name = 'x', closing = 'short', 
run = function(c)
local w, r = c:node('writer-1'), c:node('reader-1')
local p = c:flush{files = 4}[1] w:kill() w:start() c:flush{} w:kill() w:start() w:flush{}
w:kill() w:start() w:rewrite(p) w:kill() w:start() c:delete(p) c:settle()
c:check(#c:manifest() == 5, #c:manifest() .. ' files')
end }
