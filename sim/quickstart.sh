#!/bin/sh
# Builds replisim and runs a first scenario: a pod rotation. From a fresh Debian 12 checkout this is
# the one command to see it work.
#
# usage: sh sim/quickstart.sh [OPTION of `replisim run`...]      e.g. --seed 7 --set files=1000
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. sim/setup.sh

scenario=scenarios/rotation/pod_rotation.lua
out=out/quickstart

# shellcheck disable=SC2086 # a list of words
setup_packages $setup_build_packages
setup_say "building (build/release)"
mkdir -p build
if ! { cmake --preset release -DREPLISIM_TESTS=OFF &&
    cmake --build --preset release -j "$(setup_jobs)"; } >build/quickstart.log 2>&1; then
    tail -n 40 build/quickstart.log >&2
    setup_fail "the build failed; all of its output is in build/quickstart.log"
fi
status=0
build/release/sim/cli/replisim run "$scenario" --out "$out" "$@" || status=$?
if [ -f "$out/index.html" ]; then
    printf '\nThe report: file://%s/%s/index.html\n' "$root" "$out"
fi
exit "$status"
