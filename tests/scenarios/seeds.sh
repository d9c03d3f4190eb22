#!/bin/sh
# Runs scenarios with every seed from A to B, and shows each run that did not pass.
#
# usage: sh tests/scenarios/seeds.sh A B [SCENARIO.lua...]
#   without scenarios: all of scenarios/. The program is REPLISIM_PROGRAM, or the first that is built
#   of build/release, build/check and build/dev.
# Exit codes: 0 every run passed, 1 some did not, 2 the command is wrong.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)

fail()
{
    echo "seeds.sh: $*" >&2
    exit 2
}

is_number()
{
    case $1 in
    '' | *[!0-9]*) return 1 ;;
    esac
}

[ $# -ge 2 ] && is_number "$1" && is_number "$2" && [ "$1" -le "$2" ] ||
    fail "usage: sh tests/scenarios/seeds.sh A B [SCENARIO.lua...]"
first=$1
last=$2
shift 2

program=${REPLISIM_PROGRAM:-}
for preset in release check dev; do
    [ -n "$program" ] || [ ! -x "$root/build/$preset/sim/cli/replisim" ] ||
        program=$root/build/$preset/sim/cli/replisim
done
[ -n "$program" ] || fail "no program: build one (cmake --workflow --preset check)"

if [ $# -eq 0 ]; then
    cd "$root"
    # shellcheck disable=SC2046 # no spaces in the names of our scenarios
    set -- $(find scenarios -name '*.lua' ! -name '_*' | LC_ALL=C sort)
    [ $# -gt 0 ] || fail "no scenarios in $root/scenarios"
fi

said=$(mktemp)
trap 'rm -f "$said"' EXIT INT TERM

passed=0
failed=0
for scenario in "$@"; do
    seed=$first
    while [ "$seed" -le "$last" ]; do
        code=0
        "$program" run "$scenario" --seed "$seed" >"$said" 2>&1 || code=$?
        if [ "$code" -eq 0 ]; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "FAILED: $scenario with seed $seed: exit code $code"
            cat "$said"
            # A crash has no chance to say it.
            grep -q '^ *repeat: ' "$said" ||
                echo "repeat: replisim run $scenario --seed $seed"
        fi
        seed=$((seed + 1))
    done
done
echo "$passed runs passed, $failed failed"
[ "$failed" -eq 0 ]
