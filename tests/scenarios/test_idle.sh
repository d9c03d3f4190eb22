#!/bin/sh
# 300 s of virtual time of an idle five-node cluster cost less than 50 ms. Set-up and closing are not
# counted: they are measured alone. Others use the machine too, so the least of five runs counts.
#
# usage: test_idle.sh PROGRAM SOURCES judge|measure
#   measure  prints and does not judge: for builds that are not optimised
set -eu
judge=$3
. "$2/tests/cli/lib.sh"

cat >idle.lua <<'LUA'
return { name = "idle", about = "Five nodes have nothing to do.", params = { seconds = 300 },
  cluster = { writers = 2, readers = 3 }, closing = "short",
  run = function(c) c:sleep(c.params.seconds) end }
LUA

# least SECONDS: microseconds of the quickest of five runs.
least()
{
    for _ in 1 2 3 4 5; do
        run run idle.lua --set "seconds=$1" --json
        expect 0 '' "an idle run of $1 s"
        sed -n 's/.*"wall_seconds":\([0-9.eE+-]*\).*/\1/p' out.txt
    done | sort -g | awk 'NR == 1 { printf "%d\n", $1 * 1000000 }'
}

ends=$(least 0)
whole=$(least 300)
[ -n "$ends" ] && [ -n "$whole" ] && [ "$whole" -gt "$ends" ] ||
    fail "nothing measured: ${ends:-none} and ${whole:-none} us"
story=$((whole - ends))
echo "300 s idle: $story us (whole run $whole us, set-up and closing $ends us); bound 50000 us"
if [ "$judge" = judge ] && [ "$story" -ge 50000 ]; then
    fail "300 s of an idle cluster took $story us"
fi
finish
