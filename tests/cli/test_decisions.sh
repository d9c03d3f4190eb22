#!/bin/sh
# run --decisions does what a result lists, and refuses what is no such list. usage: test_decisions.sh
# PROGRAM SOURCES BUILD
set -eu
. "$2/tests/cli/lib.sh"

cat >trouble.lua <<'LUA'
return { name = "trouble", about = "A minute of trouble.", cluster = { writers = 1, readers = 2 },
  closing = "short",
  run = function(c)
    c:every("2s", function() pcall(c.flush, c, { bytes = "1KiB" }) end)
    c:nemesis{ every = "2s..6s", heal = "1s..5s", until_ = "1m", swarm = false }
    c:sleep("1m")
  end }
LUA
field()
{
    sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" "$2"
}

run run trouble.lua --seed 18446744073709551615 --json
expect 0 '' "a run that draws"
cp out.txt drawn.json
run run trouble.lua --seed 18446744073709551615 --json --decisions drawn.json
expect 0 '' "its decisions again"
[ "$(field fingerprint out.txt)" = "$(field fingerprint drawn.json)" ] || fail "replayed: another run"
grep -q -- '--decisions drawn.json"' out.txt || fail "repeat line without --decisions"
printf '[]\n' >none.json
run run trouble.lua --json --decisions none.json
expect 0 '' "no decision at all"
grep -q '"decisions":\[\]' out.txt || fail "decisions were drawn: $(cat out.txt)"

# refuse TEXT PATTERN NAME: such a file is told with its place, and nothing runs.
refuse()
{
    printf '%s' "$1" >bad.json
    run run trouble.lua --decisions bad.json
    expect 2 "$2" "$3"
    [ ! -s out.txt ] || fail "$3: something ran"
}
refuse '[' 'bad.json:1:1: ' "half a file"
refuse '{"violations":[]}' 'bad.json: holds no list of decisions' "no decisions"
refuse '[7]' 'decisions\[0\]: is no object' "a number"
refuse '[{"kind":"kill","variant":"pod"}]' 'decisions\[0\].at_ns: is missing' "no time"
refuse '[{"at_ns":1.5,"kind":"kill","variant":"pod"}]' 'decisions\[0\].at_ns' "half a nanosecond"
refuse '[{"at_ns":1e300,"kind":"kill","variant":"pod"}]' 'decisions\[0\].at_ns' "the end of time"
refuse '[{"at_ns":0,"kind":"kil"}]' 'decisions\[0\].kind' "an unknown kind"
refuse '[{"at_ns":0,"kind":"kill","variant":"cat"}]' 'decisions\[0\].variant' "an unknown variant"
refuse '[{"at_ns":0,"kind":"kill","variant":"pod","nodes":[]}]' 'decisions\[0\].nodes' "nobody to kill"
refuse '[{"at_ns":0,"kind":"partition","variant":"halves","nodes":["a","b"],"left":2}]' \
    'decisions\[0\].left' "a cut with one side"
refuse '[{"at_ns":0,"kind":"disk","variant":"torn","nodes":["a"],"values":{"per_1024":1025}}]' \
    'decisions\[0\].per_1024' "a chance above one"
refuse '[{"at_ns":0,"kind":"corrupt","variant":"flip","nodes":["a"]}]' 'decisions\[0\].path' "no path"
run run trouble.lua --decisions gone.json
expect 2 'gone.json' "no file"
printf '[{"at_ns":5e9,"kind":"kill","variant":"pod","nodes":["nobody"],"for_ns":1000000}]' >odd.json
run run trouble.lua --decisions odd.json
expect 0 '' "a node that is not there"

finish
