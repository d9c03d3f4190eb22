#!/bin/sh
# replisim sweep: what is no input, what comes of runs that crash, hang or run out of memory, shards,
# workers, interrupts, budgets, and what is told of it all.
set -eu
. "$2/tests/cli/lib.sh"
unset JOB_COMPLETION_INDEX REPLISIM_SHARDS GITHUB_ACTIONS

# story FILE NAME BODY: a scenario of two nodes.
story()
{
    cat >"$1" <<LUA
return { name = "$2", about = "x", closing = "short", params = { files = 1 },
  cluster = { writers = 1, readers = 1 }, run = function(c)
$3
end }
LUA
}

is_sanitized()
{
    strings "$program" 2>/dev/null | grep -q __asan_init
}

# ---- What is no input, and leaves nothing behind --------------------------------------------------

mkdir empty good
story good/a.lua a 'c:flush{ files = 1 }'
story good/b.lua b 'c:flush{ files = 1 }'
printf 'return {\n  name = 1 +\n}\n' >broken.lua
story twin.lua a ''

refused()
{
    name=$1
    pattern=$2
    shift 2
    run sweep "$@" --db none.db --junit none.xml
    expect 2 "$pattern" "$name"
    ls none.* >/dev/null 2>&1 && fail "$name: left $(ls none.*)"
    return 0
}
refused "no path" 'no scenario named'
refused "an unknown option" 'unknown option --seed; did you mean --seeds' good --seed 1
refused "an absent path" '^gone: ' gone
refused "an empty folder" '^empty: no scenario' empty
refused "no seeds" '--seeds x: not A\.\.B' good --seeds x
refused "seeds that go down" '--seeds 5\.\.1: the first is above the last; 1\.\.5' good --seeds 5..1
refused "the shard behind the last" '--shard 2/2: parts are counted from 0' good --shard 2/2
refused "no jobs" '--jobs 0: not a whole number' good --jobs 0
refused "two scenarios of one name" 'two scenarios are named a: good/a.lua and twin.lua' good twin.lua
refused "a weight of nobody" '--weight z=2: no scenario of that name' good --weight z=2
refused "nothing to run" 'all have weight 0' good --weight a=0 --weight b=0
refused "seeds that a weight leads beyond" 'a: with weight 2' good --weight a=2 \
    --seeds 0..18446744073709551615
refused "only wrong scenarios" '^broken\.lua:3: ' broken.lua
refused "a parameter that nobody has" "no parameter 'fils'" good --set fils=2
run sweep good --resume
expect 2 '--resume needs --db' "resuming from nowhere"
JOB_COMPLETION_INDEX=3 REPLISIM_SHARDS=2
export JOB_COMPLETION_INDEX REPLISIM_SHARDS
refused "a job beyond the shards" 'JOB_COMPLETION_INDEX and REPLISIM_SHARDS: --shard 3/2' good
unset JOB_COMPLETION_INDEX REPLISIM_SHARDS

# ---- Runs, workers, shards ------------------------------------------------------------------------

# runs FILE: "name seed" of each run in the output, sorted.
runs()
{
    sed -n 's/^{"scenario":"\([a-z-]*\)","seed":\([0-9]*\),.*/\1 \2/p' "$1" | sort
}
# summary FILE: the last line without what is about time and about this sitting.
summary()
{
    tail -n 1 "$1" | sed 's/"\(wall_seconds\|runs_per_second\)":[^,}]*//g; s/"\(jobs\|ran\)":[0-9]*//g'
}

run sweep good --seeds 1..3 --json --jobs 1
expect 0 '' "a sweep"
[ "$(wc -l <out.txt)" -eq 7 ] || fail "lines: $(wc -l <out.txt)"
tail -n 1 out.txt | grep -q '"summary":true,"runs":6' || fail "no summary: $(tail -n 1 out.txt)"
[ "$(runs out.txt | tr '\n' ,)" = "a 1,a 2,a 3,b 1,b 2,b 3," ] || fail "runs: $(runs out.txt)"
head -n 2 out.txt | sed 's/.*"seed":\([0-9]*\).*/\1/' | uniq | wc -l | grep -q '^1$' || fail "order of seeds"
summary out.txt >one.txt
runs out.txt >all.txt
run sweep good --seeds 1..3 --json --jobs 4
summary out.txt | cmp -s - one.txt || fail "four workers say something else: $(summary out.txt)"

for shard in 0 1 2; do
    run sweep good --seeds 1..3 --json --shard $shard/3
    expect 0 '' "shard $shard"
    runs out.txt
done >parts.txt
sort parts.txt | cmp -s - all.txt || fail "shards are not disjoint and complete: $(cat parts.txt)"
JOB_COMPLETION_INDEX=1 REPLISIM_SHARDS=3 "$program" sweep good --seeds 1..3 --json >out.txt
sed -n 3,4p parts.txt | cmp -s - out.txt && fail "nothing ran"
runs out.txt | tr '\n' , | grep -q "^$(sed -n 3,4p parts.txt | tr '\n' ,)" || fail "shard of a job: $(runs out.txt)"

run sweep good --seeds 18446744073709551615 --json --weight b=0
expect 0 '' "the last seed there is"
grep -q '^{"scenario":"a","seed":18446744073709551615,' out.txt || fail "that seed: $(head -c 200 out.txt)"
run sweep good ./good/a.lua --seeds 1..1 -q
expect 0 '' "one file under two names"
[ ! -s out.txt ] && [ ! -s err.txt ] || fail "quiet: $(cat out.txt err.txt)"

# ---- What fails, by cause ---------------------------------------------------------------------------

mkdir bad
story bad/fails.lua fails 'c:check(c.rng:int(1, 2) == 0, "never")
c:sometimes("always", true)
c:sometimes("not-once", false)
if false then c:sometimes("not-even-asked", true) end'
cp broken.lua bad
cp good/a.lua bad
run sweep bad --seeds 1..4 --junit j.xml --json
expect 1 '^bad/broken\.lua:3: ' "a failing, a wrong and a good scenario"
tail -n 1 out.txt | grep -q '"ends":{"pass":4,"fail":4,"error":4,' || fail "ends: $(tail -n 1 out.txt)"
tail -n 1 out.txt | grep -q '"never_reached_states":\[{"scenario":"fails","name":"not-even-asked"},{"scenario":"fails","name":"not-once"}\]' ||
    fail "states that no seed reached: $(tail -n 1 out.txt)"
[ "$(grep -c '<testcase ' j.xml)" -eq 3 ] || fail "JUnit: $(cat j.xml)"
grep -q 'replisim run bad/fails.lua --seed 4' j.xml || fail "JUnit without the lines that repeat"
GITHUB_ACTIONS=true "$program" sweep bad --seeds 1..4 --set files=2 >out.txt 2>err.txt && fail "it passed"
grep -q '^  fail scenario-check  at story/check$' out.txt || fail "the group: $(cat out.txt)"
grep -q '^    4 runs of fails; ' out.txt || fail "its runs: $(cat out.txt)"
grep -q '^    fails  *not-once$' out.txt || fail "a state: $(cat out.txt)"
grep -q '^::error file=bad/fails.lua,line=[0-9]*,title=scenario-check::' err.txt || fail "annotation: $(cat err.txt)"
grep -q '^::error file=bad/broken.lua,line=3,title=error::' err.txt || fail "annotation: $(cat err.txt)"
repeat=$(sed -n 's/^    repeat: replisim \(run bad\/fails.*\)$/\1/p' out.txt)
# shellcheck disable=SC2086 # a command line
run $repeat
expect 1 '' "the line that repeats: $repeat"
run sweep broken.lua good/a.lua --seeds 1..2 -q
expect 2 '' "wrong scenarios beside good ones"
run sweep bad/fails.lua --seeds 1..1000 --fail-fast --jobs 1
expect 1 '' "the first failure"
grep -Eq '^    fails +seeds 2\.\.1000 \(999 runs\)$' out.txt || fail "what was left: $(cat out.txt)"
run sweep good --seeds 1..1 --reach -q
expect 1 '' "floors of two runs"
grep -Eq '^    faults +kill +0 of [1-9]' out.txt || fail "rows below their floor: $(cat out.txt)"

# ---- Crash, hang, memory ------------------------------------------------------------------------------

# workers PID: processes that it started.
workers()
{
    cat "/proc/$1/task/$1/children" 2>/dev/null || true
}
# first_worker PID: waits for one.
first_worker()
{
    for attempt in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        set -- "$1" "$(workers "$1" | cut -d ' ' -f 1)"
        [ -z "$2" ] || break
        sleep 0.1
    done
    echo "$2"
}

# One that is dead and not waited for yet does not run.
is_running()
{
    grep -qs '^State:[[:space:]]*[RSDTtI]' "/proc/$1/status"
}

story long.lua long 'for i = 1, 90000 do
  c:flush{ files = 10, bytes = "1B" }
  c:sleep("1ms")
end'
run sweep long.lua good/a.lua --seeds 1..1 --timeout 1 --json
expect 3 '' "a run that does not end"
grep -q '^{"scenario":"long","seed":1,"verdict":"error","error":"not finished after 1 s of real time"' out.txt ||
    fail "the time-out: $(cut -c 1-200 out.txt)"
tail -n 1 out.txt | grep -q '"ends":{"pass":1,"fail":0,"error":0,"broken":0,"crash":0,"timeout":1,' ||
    fail "ends: $(tail -n 1 out.txt)"

if [ -r "/proc/$$/task/$$/children" ]; then
    "$program" sweep long.lua good/a.lua --seeds 1..1 --jobs 1 --timeout 1 --json >out.txt 2>err.txt &
    parent=$!
    kill -STOP "$(first_worker $parent)"
    code=0
    wait $parent || code=$?
    expect 3 '' "a worker that stands still"
    grep -q '"error":"not finished after 1 s of real time, and not to be stopped' out.txt ||
        fail "who stands still: $(cut -c 1-200 out.txt)"
    tail -n 1 out.txt | grep -q '"pass":1,.*"timeout":1' || fail "ends: $(tail -n 1 out.txt)"

    # Of a SEGV a sanitizer makes its own report, which is another end.
    if is_sanitized; then segv=sanitizer; else segv=crash; fi
    for signal in ABRT:crash KILL:memory SEGV:$segv; do
        "$program" sweep long.lua good/a.lua --seeds 1..1 --jobs 1 --timeout 20 --json >out.txt 2>err.txt &
        parent=$!
        kill -"${signal%:*}" "$(first_worker $parent)"
        code=0
        wait $parent || code=$?
        expect 3 '' "a worker that ends by ${signal%:*}"
        tail -n 1 out.txt | grep -q "\"pass\":1,.*\"${signal#*:}\":1" || fail "ends: $(tail -n 1 out.txt)"
        grep -q '"repeat":"replisim run long.lua --seed 1"' out.txt || fail "its line: $(cut -c 1-200 out.txt)"
    done

    # The parent dies: nobody is left behind.
    "$program" sweep long.lua --seeds 1..9 --jobs 2 >out.txt 2>err.txt &
    parent=$!
    left=$(first_worker $parent)
    kill -KILL $parent
    wait $parent || true
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        is_running "$left" || break
        sleep 0.1
    done
    is_running "$left" && fail "worker $left outlives its parent"
fi

if ! is_sanitized; then
    story greedy.lua greedy 'local t = {} for i = 1, 10000000 do t[i] = i end'
    run sweep greedy.lua good/a.lua --seeds 1..1 --memory 96 --timeout 60 --json
    expect 3 '' "a run that wants more memory than there is"
    tail -n 1 out.txt | grep -q '"pass":1,.*"memory":1' || fail "ends: $(tail -n 1 out.txt)$(cut -c 1-300 out.txt)"
fi

# ---- Cut short, and gone on with ----------------------------------------------------------------------

story steps.lua steps 'for i = 1, 60 do c:flush{ files = 10 } c:settle() end
c:check(c.rng:int(1, 3) > 1, "one in three")'
run sweep steps.lua --seeds 1..8 --json --db whole.db
expect 1 '' "an undisturbed sweep"
summary out.txt >whole.txt
rm out.txt

"$program" sweep steps.lua --seeds 1..8 --jobs 1 --db cut.db --json >out.txt 2>err.txt &
parent=$!
attempt=0
while [ ! -s out.txt ] && [ $attempt -lt 600 ]; do
    sleep 0.05
    attempt=$((attempt + 1))
done
kill -INT $parent
code=0
wait $parent || code=$?
expect 130 '' "an interrupted sweep"
tail -n 1 out.txt | grep -q '"not_reached":\[{.*"stop":"interrupted"' || fail "what was not reached: $(tail -n 1 out.txt)"
run sweep steps.lua --seeds 1..8 --db cut.db
expect 2 '' "the same database again"
run sweep steps.lua --seeds 1..9 --db cut.db --resume
expect 2 '' "going on with other seeds"
run sweep steps.lua --seeds 1..8 --json --db cut.db --resume
expect 1 '' "a resumed sweep"
summary out.txt | cmp -s - whole.txt || fail "the resumed sweep says something else: $(summary out.txt)"

run sweep long.lua good/a.lua --seeds 1..50 --budget 1 --jobs 1 --json --junit j.xml
expect 0 '' "a budget"
tail -n 1 out.txt | grep -q '"not_reached":\[{"scenario":"long","path":"long.lua","seeds":\[1,50\],"runs":50},{"scenario":"a",' ||
    fail "what the budget did not reach: $(tail -n 1 out.txt)"
tail -n 1 out.txt | grep -q '"stop":"budget"' || fail "why: $(tail -n 1 out.txt)"

finish
