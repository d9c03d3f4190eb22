#!/bin/sh
# A failing scenario becomes a small one that fails alike, the same with any number of jobs; one that holds
# is refused. usage: test_shrink.sh PROGRAM SOURCES BUILD
set -eu
. "$2/tests/cli/lib.sh"

# A defect of `arc`: what may not be fetched thrice is given up. Trouble around it does not matter.
cat >planted.lua <<'LUA'
local load = require "_load"
return { name = "planted", about = "A refused origin among other trouble.", closing = "short",
  params = { files = 3, release = "current" },
  cluster = function(params) return { readers = 2, release = params.release } end,
  run = function(c)
    for i = 1, 6 do
      c:node("reader-2"):pause("100ms")
      c.net:link("reader-1", "reader-2", { latency = "1ms..5ms" })
      c:sleep("1s..2s")
    end
    c.net:refuse("writer-1")
    load.flush(c)
    c:sleep("20s")
    c.net:heal()
    c:sleep("5s")
  end }
LUA
cat >_load.lua <<'LUA'
return { flush = function(c) c:flush{ files = c.params.files, bytes = "1KiB..2KiB" } end }
LUA
cat >judged.lua <<'LUA'
return { name = "judged", about = "Its own check sees a pause.", closing = "short",
  cluster = { readers = 1 },
  run = function(c)
    local before = #c:manifest()
    c:flush{ files = 2, bytes = "1KiB" }
    for i = 1, 4 do c:node("reader-1"):pause("1ms") c:sleep("10ms") end
    c:settle("1m")
    c:check(#c:manifest() == before, "files came")
  end }
LUA

run shrink planted.lua --set release=arc --set files=2 --out small.lua -j 1 --json
expect 0 '' "a planted failure"
grep -q '"property":"converges"' out.txt || fail "another property: $(cat out.txt)"
grep -q '"decisions":14,"kept":1,' out.txt || fail "trouble that is kept: $(cat out.txt)"
run run small.lua --json
expect 1 '' "the small scenario"
grep -q '"property":"converges"' out.txt || fail "the small scenario fails otherwise"
if grep -Eq 'require|params|pause|for i' small.lua; then
    fail "not small: $(cat small.lua)"
fi
run shrink planted.lua --set release=arc --set files=2 -j 3 -q
expect 0 '' "to standard output"
tail -n +6 small.lua >one.lua
tail -n +6 out.txt >three.lua
cmp -s one.lua three.lua || fail "jobs change the result: $(diff one.lua three.lua)"

# A judgement of the script's own: its text is kept, what does not matter goes.
run shrink judged.lua --out judged-small.lua -q
expect 0 '' "a failed check"
run run judged-small.lua
expect 1 '' "the small judgement"
if grep -q 'pause' judged-small.lua; then
    fail "a pause is left: $(cat judged-small.lua)"
fi

# The one fault that matters is named, and what comes of leaving it out.
run explain planted.lua --set release=arc --set files=2 -q
expect 0 '' "an explanation"
grep -q 'necessary, of 14 decisions' out.txt || fail "no necessary faults: $(cat out.txt)"
grep -A1 'c.net:refuse("writer-1")' out.txt | grep -q 'without it: holds' || fail "not left out: $(cat out.txt)"
grep -q '^the rule: converges' out.txt || fail "no rule"
grep -q '^repeat: replisim run planted.lua --seed 1 --set release=arc --set files=2' out.txt || fail "no repeat line"
run explain planted.lua -q
expect 2 'holds with seed 1' "nothing to explain"

run shrink planted.lua --out none.lua
expect 2 'holds with seed 1' "a run that holds"
[ ! -e none.lua ] || fail "a file for a run that holds"
cat >unseen.lua <<'LUA'
return { name = "unseen", expect = { violates = "converges" }, run = function(c) end }
LUA
run shrink unseen.lua
expect 2 'was not' "an expectation that was not seen"
run shrink gone.lua
expect 2 'gone.lua' "no file"
run shrink planted.lua --set release=arc --json
expect 2 '--out' "--json without --out"

finish
