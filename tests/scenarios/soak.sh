#!/bin/sh
# Random trouble over many seeds, and what came of it: failures by cause, each with the line that
# repeats its first one; runs that proved nothing; how often each kind of trouble came about.
#
# usage: sh tests/scenarios/soak.sh [RUNS [FIRST_SEED [SCENARIO.lua...]]]
#   1000 runs from seed 1000 on, unless told otherwise; seeds below 1000 are those of the tests.
#   Without scenarios: scenarios/nemesis/storm.lua, and hurricane.lua with each tenth seed.
#   SOAK_JOBS runs at a time (2); SOAK_SETS as options for each ("--set release=arc"). The program is
#   REPLISIM_PROGRAM, or the first that is built of build/release, build/check and build/dev.
# Exit codes: 0 every run passed, 1 some did not, 2 the command is wrong.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)

fail()
{
    echo "soak.sh: $*" >&2
    exit 2
}

is_count()
{
    case $1 in
    '' | 0 | *[!0-9]*) return 1 ;;
    esac
}

runs=${1:-1000}
first=${2:-1000}
is_count "$runs" && is_count "$first" || fail "usage: sh tests/scenarios/soak.sh [RUNS [FIRST_SEED [SCENARIO.lua...]]]"
[ $# -lt 2 ] || shift
[ $# -lt 1 ] || shift

program=${REPLISIM_PROGRAM:-}
for preset in release check dev; do
    [ -n "$program" ] || [ ! -x "$root/build/$preset/sim/cli/replisim" ] ||
        program=$root/build/$preset/sim/cli/replisim
done
[ -n "$program" ] || fail "no program: build one (cmake --workflow --preset check)"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$root"

# One run as one line: verdict, scenario, seed, wall seconds, vacuous, causes, kinds of trouble.
cat >"$folder/line.awk" <<'AWK'
function after(text, key) {
    return index(text, key) == 0 ? "" : substr(text, index(text, key) + length(key))
}
function value(text, key) {
    text = after(text, "\"" key "\":")
    sub(/^"/, "", text)
    sub(/[",}].*/, "", text)
    return text
}
{
    causes = ""
    kinds = ""
    found = after($0, "\"violations\":[")
    found = substr(found, 1, index(found, "],\"reached\":") - 1)
    count = split(found, rows, "{\"property\":")
    for (i = 2; i <= count; i++) {
        name = value("\"property\":" rows[i], "property")
        if (rows[i] !~ /"tolerated":true/)
            causes = causes ";" name " at " value(rows[i], "place")
    }
    count = split(after($0, "\"decisions\":["), rows, "{\"index\":")
    for (i = 2; i <= count; i++)
        if (rows[i] ~ /"applied":true/)
            kinds = kinds ";" value(rows[i], "kind") "/" value(rows[i], "variant")
    print value($0, "verdict") "|" scenario "|" seed "|" value($0, "wall_seconds") "|" \
        value($0, "vacuous") "|" causes "|" kinds
}
AWK

cat >"$folder/one.sh" <<'ONE'
seed=$1
shift
if [ $# -eq 0 ]; then
    set -- scenarios/nemesis/storm.lua
    [ $((seed % 10)) -ne 0 ] || set -- scenarios/nemesis/hurricane.lua
fi
for scenario in "$@"; do
    code=0
    # shellcheck disable=SC2086 # a list of words
    "$SOAK_PROGRAM" run "$scenario" --seed "$seed" --json --timeout 900 ${SOAK_SETS:-} \
        >"$SOAK_FOLDER/said.$seed" 2>"$SOAK_FOLDER/cried.$seed" || code=$?
    if [ "$code" -le 1 ]; then
        awk -v scenario="$scenario" -v seed="$seed" -f "$SOAK_FOLDER/line.awk" "$SOAK_FOLDER/said.$seed" \
            >>"$SOAK_FOLDER/line.$seed"
    else
        echo "broken|$scenario|$seed|0|false|;exit code $code: $(head -n 1 "$SOAK_FOLDER/cried.$seed" | tr '|;' '..')|" \
            >>"$SOAK_FOLDER/line.$seed"
    fi
    rm -f "$SOAK_FOLDER/said.$seed" "$SOAK_FOLDER/cried.$seed"
done
ONE

SOAK_PROGRAM=$program SOAK_FOLDER=$folder
export SOAK_PROGRAM SOAK_FOLDER
began=$(date +%s)
seq "$first" $((first + runs - 1)) | xargs -P "${SOAK_JOBS:-2}" -I SEED sh "$folder/one.sh" SEED "$@"
ended=$(date +%s)

find "$folder" -name 'line.*' ! -name line.awk -exec cat {} + | LC_ALL=C sort -t '|' -k 3,3n >"$folder/all.txt"
awk -F '|' -v took=$((ended - began)) -v sets="${SOAK_SETS:+ $SOAK_SETS}" '
{
    runs++
    wall += $4
    longest = $4 > longest ? $4 : longest
    vacuous += $5 == "true"
    failed += $1 != "pass"
    # A run is counted once for each of its causes.
    split("", seen)
    count = split($6, causes, ";")
    for (i = 2; i <= count; i++)
        if (!(causes[i] in seen)) {
            seen[causes[i]] = 1
            hits[causes[i]]++
            if (!(causes[i] in repeat)) {
                repeat[causes[i]] = "replisim run " $2 " --seed " $3 sets
                order[++cause_count] = causes[i]
            }
        }
    count = split($7, kinds, ";")
    for (i = 2; i <= count; i++) {
        split(kinds[i], part, "/")
        fired[part[1]]++
        if (!(kinds[i] in variants))
            listed[part[1]] = listed[part[1]] " " part[2]
        variants[kinds[i]]++
    }
}
END {
    printf "%d runs, %d failed, %d vacuous; %.2f s a run (longest %.1f s), %d s in all\n", runs, failed, vacuous, \
        runs == 0 ? 0 : wall / runs, longest, took
    for (i = 1; i <= cause_count; i++)
        printf "%6d  %s\n        repeat: %s\n", hits[order[i]], order[i], repeat[order[i]]
    for (kind in fired) {
        count = split(listed[kind], names, " ")
        text = ""
        for (i = 1; i <= count; i++)
            text = text (i == 1 ? "" : ", ") names[i] " " variants[kind "/" names[i]]
        line = sprintf("%6d  %-10s %s", fired[kind], kind, count > 1 ? text : "")
        print line | "LC_ALL=C sort -k 2"
    }
    close("LC_ALL=C sort -k 2")
    exit failed > 0
}' "$folder/all.txt"
