#!/bin/sh
# A run is a function of program, scenario, parameters and seed: builds by other compilers and with
# other optimisation, another address layout and another date give the same fingerprint.
#
# usage: test_determinism.sh SOURCES FOLDER [BUILT]
#   FOLDER  where its builds go (kept, so the second time is quick)
#   BUILT   a program that is built already, to be compared too
# A variant whose tool is absent is skipped with a word. Exit code 77: nothing but skips was left.
set -eu

sources=$1
folder=$2
built=${3:-}
scenarios="scenarios/fetch/roundtrip.lua scenarios/catchup/origin_absent.lua
    scenarios/rotation/pod_rotation.lua scenarios/rotation/rolling.lua
    scenarios/compaction/restart_registers_once.lua scenarios/mixed/phase2_writer.lua
    scenarios/security/hostile_every_kind.lua scenarios/nemesis/storm.lua scenarios/security/other_cluster_same_secret.lua"
seed=42

mkdir -p "$folder"
cd "$sources"
failures=0
compared=0
skipped=0

fail()
{
    echo "FAILED: $*"
    failures=$((failures + 1))
}

skip()
{
    echo "SKIPPED: $*"
    skipped=$((skipped + 1))
}

has()
{
    command -v "$1" >/dev/null 2>&1
}

# fingerprint COMMAND...: of a run that passed; else nothing, and the output is shown.
fingerprint()
{
    if ! "$@" --json >"$folder/out.txt" 2>"$folder/err.txt"; then
        echo "$*: it did not pass" >&2
        cat "$folder/out.txt" "$folder/err.txt" >&2
        return 0
    fi
    sed -n 's/.*"fingerprint":"\([0-9a-f]\{32\}\)".*/\1/p' "$folder/out.txt"
}

# fingerprints SEED COMMAND...: a line for each scenario; COMMAND ends in the program.
fingerprints()
{
    at_seed=$1
    shift
    for scenario in $scenarios; do
        echo "$scenario $(fingerprint "$@" run "$scenario" --seed "$at_seed")"
    done
}

# compare NAME COMMAND...: the same fingerprints as the first program's.
compare()
{
    name=$1
    shift
    fingerprints "$seed" "$@" >"$folder/these.txt"
    if cmp -s "$folder/first.txt" "$folder/these.txt"; then
        echo "same: $name"
        compared=$((compared + 1))
    else
        fail "$name: other fingerprints than $first_name:"
        diff "$folder/first.txt" "$folder/these.txt" || true
    fi
}

# build NAME OPTION...: the program alone, in FOLDER/NAME; the exit code tells.
build()
{
    name=$1
    shift
    if has ccache; then
        set -- "$@" -DCMAKE_C_COMPILER_LAUNCHER=ccache
    fi
    cmake -S "$sources" -B "$folder/$name" -G Ninja -DREPLISIM_TESTS=OFF "$@" \
        >"$folder/$name.log" 2>&1 &&
        cmake --build "$folder/$name" --target replisim -j 2 >>"$folder/$name.log" 2>&1 &&
        return 0
    tail -n 20 "$folder/$name.log"
    return 1
}

# variant NAME COMPILER OPTION...: built and compared.
variant()
{
    name=$1
    compiler=$2
    shift 2
    if ! has "$compiler"; then
        skip "$name: there is no $compiler"
    elif ! build "$name" -DCMAKE_C_COMPILER="$compiler" "$@"; then
        fail "$name: the build failed"
    else
        compare "$name" "$folder/$name/sim/cli/replisim"
    fi
}

has cmake && has ninja || {
    echo "SKIPPED: there is no cmake or no ninja"
    exit 77
}
has gcc || {
    echo "SKIPPED: there is no gcc"
    exit 77
}

first_name=gcc-O2
build gcc-O2 -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS=-O2 || {
    echo "FAILED: gcc-O2: the build failed"
    exit 1
}
program=$folder/gcc-O2/sim/cli/replisim
fingerprints "$seed" "$program" >"$folder/first.txt"
cat "$folder/first.txt"
[ "$(grep -Ec ' [0-9a-f]{32}$' "$folder/first.txt")" -eq "$(echo $scenarios | wc -w)" ] || fail "a fingerprint is missing"

# A fingerprint that never changes would be the same everywhere too.
fingerprints $((seed + 1)) "$program" >"$folder/other.txt"
while read -r scenario mark; do
    ! grep -q -- "$mark" "$folder/first.txt" ||
        fail "$scenario: seeds $seed and $((seed + 1)) have the same fingerprint"
done <"$folder/other.txt"

compare "the same program again" "$program"
variant gcc-O0 gcc -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS=-O0
variant clang-O2 clang -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS=-O2
variant asan gcc -DCMAKE_BUILD_TYPE=None "-DCMAKE_C_FLAGS=-O1 -g" -DREPLISIM_SANITIZE=ON
[ -z "$built" ] || compare "the program under test" "$built"

if ! has setarch; then
    skip "no address randomisation: there is no setarch"
elif ! setarch "$(uname -m)" -R true 2>/dev/null; then
    skip "no address randomisation: setarch -R is forbidden here"
else
    compare "no address randomisation" setarch "$(uname -m)" -R "$program"
fi
if [ "$(cat /proc/sys/kernel/randomize_va_space 2>/dev/null)" = 0 ]; then
    skip "address randomisation: it is off on this machine"
fi

date='2031-02-03 04:05:06'
if ! has faketime; then
    skip "another date: there is no faketime"
elif [ "$(faketime "$date" date +%Y 2>/dev/null)" != 2031 ]; then
    skip "another date: faketime has no effect here"
else
    compare "another date" faketime "$date" "$program"
fi

for scenario in $scenarios; do
    "$program" run "$scenario" --seed "$seed" --check-determinism >"$folder/out.txt" 2>&1 ||
        fail "$scenario --check-determinism: $(cat "$folder/out.txt")"
done

echo "$compared compared, $skipped skipped, $failures failed"
[ "$failures" -eq 0 ]
