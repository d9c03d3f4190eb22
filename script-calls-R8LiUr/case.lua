return { name = 'x', closing = 'short', cluster = {compactors = 1},
run = function(c)
local w, r = c:node('writer-1'), c:node('reader-1')
c:flush{files = 4} c:check(c:compact{inputs = 4}, 'compacted') c:settle()
c:check(#c:manifest() == 1, #c:manifest() .. ' files')
end }
