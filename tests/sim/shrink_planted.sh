#!/bin/sh
# Makes twenty planted failures small and prints, of each, what was kept of its decisions of trouble, how
# long it took, and what fails. usage: shrink_planted.sh PROGRAM [SOURCES]
#
# The small file must fail the same property at the same place (shrink itself runs it to see), and the
# median may keep at most a tenth of the decisions. Takes some ten minutes on two processors.
set -eu
program=$1
sources=${2:-.}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT INT TERM
failures=0

field()
{
    sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" "$scratch/out.json"
}

# planted FILE SEED [KEY=VALUE]
planted()
{
    set -- "$1" "$2" ${3:+--set "$3"}
    if ! "$program" shrink "$sources/$1" --seed "$2" ${3:+"$3" "$4"} --out "$scratch/small.lua" --json -q \
        >"$scratch/out.json" 2>"$scratch/err.txt"; then
        echo "FAILED: $*: $(head -n 1 "$scratch/err.txt")"
        failures=$((failures + 1))
        return
    fi
    lines=$(grep -vc '^ *--' "$scratch/small.lua")
    echo "$(field kept) $(field decisions)" >>"$scratch/kept.txt"
    printf '%-34s %-4s %-16s %4s of %-4s %4s lines %7.1f s  %s at %s\n' "$1" "$2" "${4:-}" "$(field kept)" \
        "$(field decisions)" "$lines" "$(field wall_seconds)" "$(field property)" "$(field place)"
}

for release in phase2 phase3 arc; do
    planted scenarios/nemesis/storm.lua 1 "release=$release"
    planted scenarios/nemesis/storm.lua 2 "release=$release"
    planted scenarios/nemesis/hurricane.lua 3 "release=$release"
done
planted scenarios/nemesis/hurricane.lua 1 release=arc
planted tests/sim/planted/scripted.lua 1
planted tests/sim/planted/scripted.lua 2
planted tests/sim/planted/judged.lua 1 what=down
planted tests/sim/planted/judged.lua 2 what=down
planted tests/sim/planted/judged.lua 1 what=two_down
planted tests/sim/planted/judged.lua 2 what=two_down
planted tests/sim/planted/judged.lua 1 what=leader
planted tests/sim/planted/judged.lua 2 what=leader
planted tests/sim/planted/judged.lua 1 what=failed
planted tests/sim/planted/judged.lua 2 what=failed

# Shares of a thousand, sorted; a failure without decisions keeps none.
median=$(while read -r kept of; do echo $((of == 0 ? 0 : kept * 1000 / of)); done <"$scratch/kept.txt" |
    sort -n | sed -n "$((($(wc -l <"$scratch/kept.txt") + 1) / 2))p")
echo "median kept: $median of 1000 decisions; failures: $failures"
[ "$failures" -eq 0 ] && [ "$median" -le 100 ]
