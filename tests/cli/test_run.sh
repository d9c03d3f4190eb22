#!/bin/sh
# The commands do what their help says. usage: test_run.sh PROGRAM SOURCES BUILD
set -eu
. "$2/tests/cli/lib.sh"

cat >small.lua <<'LUA'
return { name = "small", about = "Two files reach one reader.", params = { files = 2 },
  cluster = { writers = 1, readers = 1 },
  run = function(c)
    c:flush{ files = c.params.files, bytes = "1KiB" }
    c:settle("1m")
    c:metric("files", c.params.files)
  end }
LUA
cat >failing.lua <<'LUA'
return { name = "failing", about = "Its own check fails.", cluster = { writers = 1, readers = 1 },
  run = function(c) c:check(1 == 2, "one is not two") end }
LUA
cat >empty.lua <<'LUA'
return { name = "empty", about = "Nothing happens.", cluster = { writers = 1, readers = 1 },
  run = function(c) end }
LUA

field()
{
    sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" "$2"
}

run run small.lua --seed 18446744073709551615 --set files=3 --json --out out --trace trace.json
expect 0 '' "a good run"
[ "$(field seed out.txt)" = 18446744073709551615 ] || fail "seed in JSON: $(cat out.txt)"
[ "$(field verdict out.txt)" = pass ] || fail "verdict in JSON"
grep -q -- '--set files=3' out.txt || fail "repeat line without --set"
for file in result.json lag.csv index.html; do
    [ -s "out/$file" ] || fail "out/$file is missing"
done
if command -v gnuplot >/dev/null 2>&1; then
    for file in lag.svg lag.png distribution.svg distribution.png; do
        [ -s "out/$file" ] || fail "out/$file is missing"
    done
fi
[ "$(wc -l <out/lag.csv)" -eq 4 ] || fail "lag.csv: $(cat out/lag.csv)"
[ -s trace.json ] || fail "trace.json is missing"
for left in out.* trace.json.*; do
    case "$left" in
    out.txt | 'trace.json.*') ;;
    *) fail "$left was left behind" ;;
    esac
done
first=$(field fingerprint out.txt)

# Again, with the folder there already: the same fingerprint, one event a line.
run run small.lua --seed 18446744073709551615 --set files=3 --json -o out --trace trace.jsonl
expect 0 '' "the same run again"
[ "$(field fingerprint out.txt)" = "$first" ] || fail "another fingerprint"
[ "$(wc -l <trace.jsonl)" -gt 10 ] || fail "trace.jsonl is short"

# A checker that is off is named, in the result and in the line that repeats the run.
run run small.lua --without converges --without no-leaks --without converges --json
expect 0 '' "--without"
grep -q '"without":\["converges","no-leaks"\]' out.txt || fail "without: $(cat out.txt)"
grep -q -- '--without converges --without no-leaks"' out.txt || fail "repeat line without --without"
grep -q '"reach":{"checked":{' out.txt || fail "no reach counts"
run run small.lua --without converge
expect 2 'no property of that name' "--without of nothing"

run run small.lua --check-determinism
expect 0 '' "--check-determinism"
grep -q '^PASS' out.txt || fail "summary: $(cat out.txt)"
grep -q 'repeat: replisim run small.lua --seed 1' out.txt || fail "no repeat line"
if grep -q "$(printf '\033')" out.txt; then
    fail "colours without a terminal"
fi

run run small.lua -q
expect 0 '' "-q"
[ ! -s out.txt ] || fail "-q says: $(cat out.txt)"

run run failing.lua --out out-failing
expect 1 '' "a failing run"
grep -q 'scenario-check' out.txt || fail "violation is not shown: $(cat out.txt)"
grep -q 'one is not two' out-failing/index.html || fail "violation is not in the report"

run run empty.lua --out out-empty
expect 0 '' "an empty run"
grep -q 'No file had to be replicated' out-empty/index.html || fail "page of an empty run"

run --version
expect 0 '' "--version"
grep -Eq '^replisim [0-9]+\.[0-9]+\.[0-9]+' out.txt || fail "version: $(cat out.txt)"
run --help
expect 0 '' "--help"
for command in run list describe; do
    grep -q "  $command " out.txt || fail "--help without $command"
    run $command --help
    expect 0 '' "$command --help"
    grep -q "usage: replisim $command" out.txt || fail "$command --help"
    run --help
done
for topic in faults properties config releases; do
    run list $topic
    expect 0 '' "list $topic"
    [ "$(wc -l <out.txt)" -ge 4 ] || fail "list $topic is short"
done
run list scenarios small.lua failing.lua
expect 0 '' "list scenarios"
grep -q 'Two files reach' out.txt || fail "list scenarios: $(cat out.txt)"
for name in query-complete arc partition replication_pull_workers limits small.lua; do
    run describe $name
    expect 0 '' "describe $name"
    [ "$(wc -l <out.txt)" -ge 2 ] || fail "describe $name is short"
done

finish
