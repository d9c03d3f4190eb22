#!/bin/sh
# Installs what is missing, builds with warnings as errors and runs every test.
#
# usage: sh tests/run.sh [--sanitize | --clang | --bench] [CTEST OPTION...]
#        sh tests/run.sh --nemesis [RUNS [FIRST_SEED [SCENARIO.lua...]]]
#   --sanitize  the same tests under AddressSanitizer and UndefinedBehaviorSanitizer
#   --clang     the same tests, built by clang
#   --bench     the benches instead: ratios that want a quiet machine
#   --nemesis   random trouble instead, over many seeds: tests/scenarios/soak.sh
# The last line says "N passed, N failed"; the exit code is 0 only when none failed.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. sim/setup.sh

preset=check
only=
case ${1:-} in
--sanitize) preset=asan && shift ;;
--clang) preset=clang && shift ;;
--bench) only=bench && shift ;;
--nemesis) only=nemesis && shift ;;
-h | --help)
    sed -n '2,10s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
esac

# shellcheck disable=SC2086 # lists of words
setup_packages $setup_build_packages $setup_test_packages
jobs=$(setup_jobs)
if ! cmake --preset "$preset" || ! cmake --build --preset "$preset" -j "$jobs"; then
    setup_say "error: the build failed"
    echo "0 passed, 1 failed"
    exit 1
fi

# faketime, locale and settings of the user must not decide what the tests see.
unset NO_COLOR REPLISIM_SHARDS JOB_COMPLETION_INDEX LD_PRELOAD ARC_CLUSTER_SHARED_SECRET
LC_ALL=C
TZ=UTC
export LC_ALL TZ

if [ "$only" = nemesis ]; then
    REPLISIM_PROGRAM=$root/build/$preset/sim/cli/replisim exec sh tests/scenarios/soak.sh "$@"
fi

# Benches measure time, which is no proof on a busy machine: they have a run of their own. The slow
# tests run once, in the plain build. (A second -LE would not add to the first: ctest leaves out
# only what every one of them names.)
left_out=bench
if [ "$preset" != check ]; then
    left_out='slow|bench'
elif [ -n "$only" ]; then
    left_out='^$'
fi
report=$root/build/$preset/tests.xml
rm -f "$report"
status=0
ctest --test-dir "build/$preset" -j "$jobs" --output-on-failure --no-tests=error \
    -LE "$left_out" ${only:+-L "$only"} --output-junit "$report" "$@" || status=$?

count()
{
    sed -n "s/.*<testsuite.*//;s/^[[:space:]]*$1=\"\([0-9]*\)\".*/\1/p" "$report" | head -n 1
}
if [ -f "$report" ]; then
    total=$(count tests)
    failed=$(count failures)
    skipped=$(($(count skipped) + $(count disabled)))
    if [ "$skipped" -gt 0 ]; then
        echo "$skipped skipped"
    fi
    echo "$((total - failed - skipped)) passed, $failed failed"
else
    echo "0 passed, 1 failed"
    [ "$status" -ne 0 ] || status=1
fi
exit "$status"
