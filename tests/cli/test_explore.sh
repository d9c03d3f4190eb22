#!/bin/sh
# sweep --explore: picks follow from results, changed decisions can be repeated, states are told.
# usage: test_explore.sh PROGRAM SOURCES BUILD
set -eu
. "$2/tests/cli/lib.sh"

mkdir library
cat >library/trouble.lua <<'LUA'
return { name = "trouble", about = "Half a minute of trouble.", cluster = { writers = 1, readers = 2 },
  params = { wrong = false }, closing = "short",
  run = function(c)
    c:every("2s", function() pcall(c.flush, c, { bytes = "1KiB" }) end)
    c:nemesis{ every = "2s..6s", heal = "1s..5s", until_ = "30s" }
    c:sleep("30s")
    c:check(not c.params.wrong, "wrong on demand")
  end }
LUA
cat >library/calm.lua <<'LUA'
return { name = "calm", about = "Nothing happens.", cluster = { writers = 1, readers = 1 },
  params = { wrong = false }, closing = "short",
  run = function(c) c:flush{ bytes = "1KiB" } c:settle("1m") end }
LUA

# What does not depend on real time, of runs and summary.
timeless()
{
    sed -e 's/"wall_seconds":[^,]*,//' -e 's/"runs_per_second":[^,}]*//' -e 's/"jobs":[^,]*,//' \
        -e "s#$1.decisions#DECISIONS#g" out.txt
}

# With one job the same picks again, and everything passed: no list is left.
run sweep library --explore --seeds 1..20 -j 1 --json --db one.db
expect 0 '' "an explored sweep"
timeless one.db >one.txt
[ "$(grep -c '"scenario":"trouble"' one.txt)" -eq 20 ] || fail "runs of trouble: $(wc -l <one.txt)"
[ "$(grep -c 'decisions DECISIONS/trouble-' one.txt)" -ge 5 ] || fail "no decisions were changed"
[ ! -e one.db.decisions ] || fail "lists are left: $(ls one.db.decisions)"
run sweep library --explore --seeds 1..20 -j 1 --json --db two.db
timeless two.db >two.txt
cmp -s one.txt two.txt || fail "other picks: $(diff one.txt two.txt | cut -c1-300 | head -n 4)"
if command -v sqlite3 >/dev/null; then
    total=$(sqlite3 one.db 'SELECT sum(new_states) FROM novelty')
    tail -n 1 one.txt | grep -q "\"novelty\":{\"states\":$total," || fail "the database has $total states"
    [ "$(sqlite3 one.db "SELECT count(*) > 0 FROM cell WHERE fault = 'none'")" = 1 ] || fail "no cells"
fi
tail -n 1 one.txt | grep -q '"novelty":{"states":[0-9]*,"cells":{"none":{' || fail "no novelty"

# The summary names what was found, and with --reach what faults never met.
run sweep library --explore --seeds 1..6 -j 2 --curve curve.csv --reach
expect 1 '' "--reach of so few"
grep -Eq '^  explored +12 runs, [0-9]+ of them with changed decisions' out.txt || fail "explored: $(cat out.txt)"
grep -q 'faults by protocol state' out.txt || fail "no table: $(cat out.txt)"
grep -Eq '^  none +[0-9]+ of [0-9]+; never: ' out.txt || fail "no empty cells: $(cat out.txt)"
[ "$(wc -l <curve.csv)" -eq 13 ] || fail "curve: $(cat curve.csv)"
run sweep library --seeds 1..2
expect 0 '' "a plain sweep"
grep -Eq '^  states +[0-9]+ abstract ones' out.txt || fail "no states: $(cat out.txt)"

# A failing run keeps its list, and its repeat line brings about the very same run.
run sweep library/trouble.lua --explore --seeds 1..12 -j 1 --set wrong=true --json --db wrong.db
expect 1 '' "a failing sweep"
grep -- '--decisions' out.txt | grep -v '"summary"' | head -n 1 >failed.json
[ -s failed.json ] || fail "no failing run had changed decisions"
repeat=$(sed -n 's/.*"repeat":"replisim \([^"]*\)".*/\1/p' failed.json)
# shellcheck disable=SC2086
run $repeat --json
expect 1 '' "the repeat line $repeat"
for key in fingerprint seed events; do
    was=$(sed -n "s/.*\"$key\":\"\{0,1\}\([^\",}]*\).*/\1/p" failed.json)
    is=$(sed -n "s/.*\"$key\":\"\{0,1\}\([^\",}]*\).*/\1/p" out.txt)
    [ "$was" = "$is" ] || fail "repeated: $key $is, not $was"
done

# An earlier sitting's results are learnt from, and its runs are not run again.
run sweep library --explore --seeds 1..3 -j 1 --db part.db --json
expect 0 '' "a first sitting"
run sweep library --explore --seeds 1..3 -j 1 --db part.db --json --resume
expect 0 '' "a second one"
[ "$(wc -l <out.txt)" -eq 1 ] || fail "run again: $(wc -l <out.txt)"

run sweep library --explore
expect 2 'goes on until --budget' "--explore without an end"
run sweep library --explore --seeds 1..2 --db nosuch/x.db
expect 2 '' "no folder"
finish
