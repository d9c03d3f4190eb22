return {name='x', closing='short', params={p=3}, cluster={name='prod', readers=2}, run=function(c)
c:cluster{name='other', readers=1995}
c:add{}
end}
