#!/bin/sh
# docs/scenarios.md is what `replisim list scenarios --markdown scenarios` prints, every scenario of it
# says in a sentence what it is for, and the command works on other people's folders too.
#
# usage: test_index.sh PROGRAM SOURCES
set -eu
. "$2/tests/cli/lib.sh"

(cd "$sources" && "$program" list scenarios --markdown scenarios) >page.md
if ! cmp -s page.md "$sources/docs/scenarios.md"; then
    diff "$sources/docs/scenarios.md" page.md | head -n 20
    fail "docs/scenarios.md is out of date: replisim list scenarios --markdown scenarios >docs/scenarios.md"
fi
count=$(find "$sources/scenarios" -name '*.lua' ! -name '_*' | wc -l)
[ "$(grep -c '^| `[a-z0-9_/]*\.lua` |' page.md)" -eq "$count" ] || fail "not a row for each of $count scenarios"
grep -q ": $count scenarios, " page.md || fail "the page does not count $count scenarios"

# A sentence: it begins large or with a name in backticks, ends with a stop, and is no mere title.
awk -F' [|] ' '/^[|] `/ && ($3 !~ /^[A-Z`].*[.]$/ || length($3) < 60) { print $1 ": " $3 }' page.md >poor.txt
[ ! -s poor.txt ] || fail "what these are about is no sentence that says why: $(cat poor.txt)"
cut -d '|' -f 3 page.md | grep '^ `' | sort | uniq -d >twice.txt
[ ! -s twice.txt ] || fail "names that two scenarios have: $(cat twice.txt)"

# Of a folder with other things in it.
mkdir -p mine/deep/er
printf 'return { name = "one", about = "A | bar,\\nand a line.", run = function(c) end, breaks = { arc = "converges", phase2 = "converges", phase3 = "liveness" } }\n' >mine/one.lua
printf 'return { name = "two", run = function(c) end }\n' >mine/deep/er/two.lua
printf 'return {}\n' >mine/_helper.lua
run list scenarios --markdown mine
expect 0 '' "a page of a folder"
grep -qF '| `one.lua` | `one` | A \| bar, and a line. | `converges` in phase2, arc; `liveness` in phase3 |' out.txt ||
    fail "the row of one.lua: $(cat out.txt)"
grep -qF '## deep/er: 1' out.txt || fail "the theme of two.lua: $(cat out.txt)"
grep -qF '2 scenarios, 2 themes' out.txt || fail "the counts: $(cat out.txt)"
! grep -q helper out.txt || fail "a helper is listed: $(cat out.txt)"
run list scenarios mine --markdown
expect 0 '' "the option behind the folder"
run list scenarios --markdown mine mine
expect 2 'one folder' "two folders"
run list scenarios --markdown nosuch
expect 2 'nosuch' "an absent folder"
printf 'return {\n' >mine/broken.lua
run list scenarios --markdown mine
expect 2 'broken.lua:[0-9]+' "a scenario that cannot be read"
grep -qF '`one.lua`' out.txt || fail "the others are not listed beside a broken one"

finish
