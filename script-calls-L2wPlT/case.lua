return { name = 'x', closing = 'short', 
run = function(c)
local w, r = c:node('writer-1'), c:node('reader-1')
c:nodes{role = 'raeder'}
end }
