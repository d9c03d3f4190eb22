#!/bin/sh
# Whatever `list` names, `describe` describes at length; and the bound of convergence.
. "$(dirname "$0")/lib.sh"

for topic in faults properties config releases codes; do
    run list $topic
    expect 0 '' "list $topic"
    cut -d ' ' -f 1 <out.txt >names.txt
    [ "$(wc -l <names.txt)" -ge 4 ] || fail "list $topic is short"
    while read -r name; do
        run describe "$name"
        expect 0 '' "describe $name"
        [ "$(wc -l <out.txt)" -ge 3 ] || fail "describe $name is short: $(cat out.txt)"
    done <names.txt
done
for name in limits disk hostile nemesis attacker; do
    run describe $name
    expect 0 '' "describe $name"
    [ "$(wc -l <out.txt)" -ge 3 ] || fail "describe $name is short"
done

# Each key tells its default, its place outside, and what releases do with it.
run describe replication_catchup_enabled
for words in 'default    true' 'ARC_CLUSTER_REPLICATION_CATCHUP_ENABLED' 'phase2 *ignored'; do
    grep -q "$words" out.txt || fail "describe replication_catchup_enabled without $words"
done
run describe replication_pull_workers
grep -q 'range      1 to 4096' out.txt || fail "no range: $(cat out.txt)"
run describe reconciliation.enabled
grep -q 'ARC_RECONCILIATION_ENABLED' out.txt || fail "no environment: $(cat out.txt)"
run describe cluster.role
expect 0 '' "a key in full"

while read -r word meant; do
    run describe "$word"
    expect 2 "did you mean $meant" "misspelt $word"
done <<WORDS
arcc arc
partitoin partition
not_fount not_found
replication_pull_worker replication_pull_workers
limit limits
hostil hostile
query-complet query-complete
WORDS

# The bound: its formula, and its terms. 60 + 3 x 3 x 60 + 1.5 + 15 seconds for four nodes.
cat >small.lua <<'LUA'
return { name = "small", about = "Nothing happens.", params = { readers = 3 },
  cluster = function(params) return { writers = 1, readers = params.readers } end, run = function() end }
LUA
run describe converges
grep -q 'T_conv = rescan interval' out.txt || fail "no formula: $(cat out.txt)"
run describe converges small.lua
expect 0 '' "the bound of a file"
grep -Eq 'T_conv +616\.500 s' out.txt || fail "another bound: $(cat out.txt)"
run describe converges small.lua --set readers=4
grep -Eq 'T_conv +796\.500 s' out.txt || fail "another bound with five nodes: $(cat out.txt)"
run describe converges nosuch.lua
expect 2 'nosuch\.lua' "the bound of no file"
run describe converges small.lua --set nosuch=1
expect 2 'nosuch' "the bound with an unknown parameter"

finish
