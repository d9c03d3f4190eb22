#!/bin/sh
# Replays each target's corpus and prints how much of the target's own module it runs, line by line.
#
# usage: sh tests/fuzz/coverage.sh [CORPUS]   from anywhere
#   CORPUS  a folder with a folder for each target (default: tests/fuzz/corpus); more may follow
# Needs clang and llvm-profdata, llvm-cov (Debian: clang llvm); builds in build/fuzz-coverage.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
[ "$#" -gt 0 ] || set -- "$root/tests/fuzz/corpus"
build=$root/build/fuzz-coverage

tool()
{
    for name in "$1" "$1-14" "$1-15" "$1-16" "$1-19"; do
        if command -v "$name" >/dev/null 2>&1; then
            echo "$name"
            return 0
        fi
    done
    echo "error: $1 is not installed (Debian: llvm)" >&2
    return 1
}
profdata=$(tool llvm-profdata) || exit 2
cov=$(tool llvm-cov) || exit 2
command -v clang >/dev/null 2>&1 || { echo "error: clang is not installed" >&2; exit 2; }

# What each target is for.
modules()
{
    case $1 in
    auth) echo auth.c nonce_cache.c ;;
    command) echo command.c command_decode.c command_json.c manifest.c manifest_state.c \
        manifest_tree.c entry_pool.c ;;
    fetch_client) echo fetch_client.c ;;
    fetch_server) echo fetch_server.c ;;
    forward) echo forward_client.c forward_server.c ;;
    frame) echo frame.c ;;
    json) echo json_scan.c json_read.c json_write.c base64.c message_time.c ;;
    message) echo message.c message_table.c json_read.c json_write.c ;;
    path) echo path.c path_local.c ;;
    snapshot) echo manifest_snapshot.c manifest.c ;;
    esac
}

set_counts()
{
    lines=$1
    covered=$2
}

mkdir -p "$build"
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_C_FLAGS='-fprofile-instr-generate -fcoverage-mapping' -DREPLISIM_TESTS=OFF \
    -DREPLISIM_FUZZ_REPLAY=ON >"$build.log" 2>&1 || { cat "$build.log" >&2; exit 2; }
cmake --build "$build" --target fuzz_targets >"$build.log" 2>&1 || { cat "$build.log" >&2; exit 2; }

printf '%-13s %-22s %7s %7s %8s\n' target module lines run share
for source in "$root"/tests/fuzz/fuzz_*.c; do
    target=$(basename "$source" .c)
    target=${target#fuzz_}
    binary=$build/tests/fuzz/fuzz_$target
    inputs=
    for corpus in "$@"; do
        [ ! -d "$corpus/$target" ] || inputs="$inputs $corpus/$target"
    done
    # shellcheck disable=SC2086 # a list of folders
    LLVM_PROFILE_FILE=$build/$target.profraw "$binary" $inputs >"$build/$target.log" 2>&1 ||
        { tail -n 3 "$build/$target.log" >&2; exit 1; }
    "$profdata" merge -sparse "$build/$target.profraw" -o "$build/$target.profdata"
    for module in $(modules "$target"); do
        # shellcheck disable=SC2046 # two numbers
        set_counts $("$cov" export -summary-only -instr-profile="$build/$target.profdata" \
            "$binary" "$root/protocol/$module" |
            sed 's/.*"totals"//;s/.*"lines":{"count":\([0-9]*\),"covered":\([0-9]*\).*/\1 \2/')
        printf '%-13s %-22s %7s %7s %7s%%\n' "$target" "$module" "$lines" "$covered" \
            $((lines == 0 ? 100 : covered * 100 / lines))
    done
done
