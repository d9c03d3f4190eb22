#!/bin/sh
# replisim matrix: rows as declared and rows that are not, in text and JSON, and what is no input.
set -eu
. "$2/tests/cli/lib.sh"

# story NAME BREAKS BODY: a scenario in NAME.lua.
story()
{
    cat >"$1.lua" <<LUA
return { name = "$1", about = "x", closing = "short", breaks = $2,
  cluster = { writers = 1, readers = 1 }, run = function(c) $3 end }
LUA
}

# A name that is no property, no release, or a release that cannot break anything.
story property '{ arc = "query-compleet" }' ''
run run property.lua
expect 2 "^property\.lua: breaks\.arc: 'query-compleet' is no property" "a misspelt property"
story release '{ ark = "query-complete" }' ''
run run release.lua
expect 2 "^release\.lua: breaks\.ark: unknown key" "a misspelt release"
story healthy '{ current = "query-complete" }' ''
run run healthy.lua
expect 2 '^healthy\.lua: breaks\.current: unknown key' "current breaks nothing"
story empty '{}' ''
run run empty.lua
expect 2 '^empty\.lua: breaks: names no release' "no release"
run matrix property.lua
expect 2 '^property\.lua: breaks\.arc' "a wrong scenario in the matrix"

cat >plain.lua <<'LUA'
return { name = "plain", about = "x", cluster = { writers = 1, readers = 1 }, run = function(c) end }
LUA
run matrix plain.lua
expect 2 'none of these scenarios has a `breaks`' "nothing to do"
run matrix gone.lua
expect 2 '^gone\.lua' "an absent scenario"
run matrix plain.lua --jobs 0
expect 2 '--jobs 0: not a whole number' "no jobs"

# A scenario that fails as `current` too is not as declared, though the release fails rightly.
story both '{ arc = "scenario-check" }' 'c:check(false, "always")'
run matrix both.lua
expect 1 '' "current must pass"
grep -Eq '^both +current +\(all hold\) +NOT SO +scenario-check x1$' out.txt || fail "the row: $(cat out.txt)"
grep -q '^repeat: replisim run both.lua --seed 1 --set release=current$' out.txt || fail "no repeat line"

# A release that does not break it is not as declared either.
story neither '{ arc = "scenario-check" }' ''
run matrix neither.lua --json --seed 18446744073709551615 --jobs 2
expect 1 '' "the release must fail"
grep -q '^{"seed":18446744073709551615,"as_declared":false,' out.txt || fail "JSON: $(cat out.txt)"
grep -q '"release":"current","property":null,"as_declared":true' out.txt || fail "JSON: $(cat out.txt)"
grep -q '"release":"arc","property":"scenario-check","as_declared":false' out.txt || fail "JSON: $(cat out.txt)"

# What `breaks` says comes true, row by row.
run matrix "$sources/scenarios/reference/empty_file.lua"
expect 0 '' "as declared"
[ "$(grep -c ' as told ' out.txt)" -eq 2 ] || fail "the rows: $(cat out.txt)"
grep -q '^2 runs, seed 1: 2 as declared, 0 not$' out.txt || fail "the sum: $(cat out.txt)"

finish
