#!/bin/sh
# seeds.sh notices a run that does not pass, and says how to repeat it. usage: test_seeds.sh PROGRAM SOURCES
set -eu
. "$2/tests/cli/lib.sh"
REPLISIM_PROGRAM=$program
export REPLISIM_PROGRAM

cat >good.lua <<'LUA'
return { name = "good", about = "Nothing happens.", closing = "short",
  cluster = { writers = 1, readers = 1 }, run = function(c) end }
LUA
cat >odd.lua <<'LUA'
return { name = "odd", about = "Fails with seed 2 alone.", closing = "short",
  cluster = { writers = 1, readers = 1 },
  run = function(c) c:check(c.seed ~= 2, "an even seed") end }
LUA
cat >broken.lua <<'LUA'
return { name = "broken", about = "Stops with an error.", closing = "short",
  cluster = { writers = 1, readers = 1 }, run = function(c) error("no story") end }
LUA

# seeds CODE PATTERN NAME ARGUMENT...: the output matches, whatever the stream.
seeds()
{
    wanted=$1 pattern=$2 name=$3
    shift 3
    code=0
    sh "$sources/tests/scenarios/seeds.sh" "$@" >out.txt 2>&1 || code=$?
    [ "$code" -eq "$wanted" ] || fail "$name: exit code $code, not $wanted: $(cat out.txt)"
    grep -Eq -- "$pattern" out.txt || fail "$name: nothing of $pattern in: $(cat out.txt)"
}

seeds 0 '^3 runs passed, 0 failed$' "all pass" 1 3 good.lua
seeds 1 '^5 runs passed, 1 failed$' "one fails" 1 3 good.lua odd.lua
seeds 1 'repeat: replisim run odd.lua --seed 2' "the repeat line" 2 2 odd.lua
seeds 1 '^FAILED: broken.lua with seed 7: exit code 2$' "an error" 7 7 broken.lua
seeds 1 'repeat: replisim run gone.lua --seed 1' "an absent scenario" 1 1 gone.lua
seeds 2 '^seeds.sh: usage' "no numbers" one 2 good.lua
seeds 2 '^seeds.sh: usage' "the wrong way round" 2 1 good.lua

finish
