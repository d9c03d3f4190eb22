#!/bin/sh
# Where two runs part: run --check-determinism, and diff of runs, programs and traces.
# usage: test_diff.sh PROGRAM SOURCES BUILD
. "$2/tests/cli/lib.sh"
planted=$3/tests/cli/replisim_planted

cat >small.lua <<'LUA'
return { name = "small", about = "Twenty files.",
  params = { files = 20 },
  cluster = { writers = 2, readers = 1 },
  run = function(c)
    c:flush{ files = c.params.files, bytes = "20KiB" }
    c:settle("1m")
  end }
LUA
"$program" run small.lua -q || fail "the scenario itself"

# run_planted PLACE ARGUMENT...: as `run`, of the test build.
run_planted()
{
    code=0
    REPLISIM_PLANT=$1
    export REPLISIM_PLANT
    shift
    "$planted" "$@" >"$scratch/out.txt" 2>"$scratch/err.txt" || code=$?
    unset REPLISIM_PLANT
}

# Nothing planted: the test build is like any other.
run_planted nowhere run small.lua --check-determinism -q
expect 0 '' "nothing planted"
[ ! -s err.txt ] || fail "nothing planted, but: $(cat err.txt)"

# An event comes late by the clock, in the first of the two runs only: the second run's side is that event,
# at the time that it should have had.
run_planted event run small.lua --check-determinism
expect 3 'not deterministic: the runs part at event [0-9]+, at [0-9.]+ s' "a planted event"
was=$(sed -n 's/^planted: net event of \([0-9]*\) ns at .*/\1/p' err.txt)
is=$(sed -n 's/^planted: net event of [0-9]* ns at \([0-9]*\) ns/\1/p' err.txt)
[ -n "$was" ] || fail "no event was planted: $(cat err.txt)"
grep -q "^  second run: {\"time_ns\":$was,\"name\":\"net\"," err.txt ||
    fail "not the planted event ($was ns): $(cat err.txt)"
first=$(sed -n 's/^  first run: {"time_ns":\([0-9]*\),.*/\1/p' err.txt)
[ "$first" -gt "$was" ] && [ "$first" -le "$is" ] || fail "first side at $first, not in $was to $is"
[ "$(grep -c '^  both: ' err.txt)" -eq 5 ] || fail "no context: $(cat err.txt)"

# In a note, which has no number of its own: told by its name and place.
run_planted note run small.lua --check-determinism
number=$(sed -n 's/^planted: note before event //p' err.txt)
expect 3 "the runs part at the note \"net\" between events $((number - 1)) and $number, at" "a planted note"

# diff runs twice too.
run_planted event diff small.lua
expect 3 '' "diff of two runs"
was=$(sed -n 's/^planted: net event of \([0-9]*\) ns at .*/\1/p' err.txt)
grep -q "^  second run: {\"time_ns\":$was,\"name\":\"net\"," out.txt || fail "diff: $(cat out.txt)"
run diff small.lua --seed 7 --set files=3
expect 0 '' "diff of two equal runs"
grep -Eq '^the same: [0-9]+ events, fingerprint [0-9a-f]{32}$' out.txt || fail "same: $(cat out.txt)"

# Two programs: another build, disturbed in its only run.
REPLISIM_PLANT=event
export REPLISIM_PLANT
run diff small.lua --against "$planted"
unset REPLISIM_PLANT
expect 1 '' "another program"
grep -q "^  this program: {\"time_ns\":[0-9]*,\"name\":\"net\"," out.txt || fail "programs: $(cat out.txt)"
run diff small.lua --against "$planted" --seed 3
expect 0 '' "the same program by another name"

# Traces: of two machines, or one of them against a run here.
"$program" run small.lua -q --trace a.jsonl
"$program" run small.lua -q --seed 2 --trace b.jsonl
run diff a.jsonl a.jsonl
expect 0 '' "a trace and itself"
run diff a.jsonl b.jsonl
expect 1 '' "two traces"
grep -q '^  a.jsonl: {' out.txt && grep -q '^  b.jsonl: {' out.txt || fail "sides: $(cat out.txt)"
run diff small.lua --against a.jsonl
expect 0 '' "a trace against its own run"
run diff small.lua --against b.jsonl
expect 1 '' "a trace against another run"
head -n 100 a.jsonl >short.jsonl
run diff short.jsonl a.jsonl
expect 1 '' "a trace that ends"
grep -q '^  short.jsonl: (ended)$' out.txt || fail "ended: $(cat out.txt)"
sed '/"note":"net"/d' a.jsonl >plain.jsonl
run diff a.jsonl plain.jsonl
expect 1 '' "notes count"
run diff a.jsonl plain.jsonl --events-only
expect 0 '' "--events-only"

# What is wrong is told.
run diff small.lua --against ./nosuch
expect 2 'nosuch: cannot be run: No such file' "no such program"
run diff small.lua --against false
expect 2 'false run small.lua: exit code 1 and no trace' "a program that is none of ours"
run diff small.lua --set files=x --against "$planted"
expect 2 'exit code 2 and no trace: .*files' "wrong for both"
run diff nosuch.lua
expect 2 'nosuch.lua' "no such scenario"
run diff a.jsonl nosuch.jsonl
expect 2 'nosuch.jsonl: cannot be read' "no such trace"
echo nonsense >nonsense.jsonl
run diff a.jsonl nonsense.jsonl
expect 2 'is no trace' "no trace"
run diff a.jsonl
expect 2 'with what' "one trace"
run diff a.jsonl b.jsonl --seed 3
expect 2 'nothing is run' "a seed for traces"
run diff small.lua other.lua
expect 2 'one scenario, or two traces' "two scenarios"
run diff
expect 2 'no scenario' "nothing named"
TMPDIR=$scratch/nosuch
export TMPDIR
run diff small.lua --against "$planted"
expect 3 'no folder can be made' "no temporary folder"
finish
