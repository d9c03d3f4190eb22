return {name='x', closing='short', params={p=3}, cluster={name='prod', readers=2}, run=function(c)
local o = c:cluster{name='other', writers=1, readers=function() return 1 end, compactors=1, consensus={kind='ideal', delay='1ms'}, voters=1, config=function(p) return {replication_pull_workers=p.p} end, release='arc', releases={['reader-1']='current'}, configs={['reader-1']={node_id=nil}}, zones={['reader-1']='b'}, tls=true, license={clustering=true}, leader='writer-1', share_secret=false} c:check(#o:nodes{zone='b'} == 1 and #o:nodes{release='arc'} == 2, 'keys')
end}
