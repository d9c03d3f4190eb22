#!/bin/sh
# replisim fuzz: its targets are those of tests/fuzz; what is wrong is exit code 2; a finding is told,
# kept and repeated, exit code 1. usage: test_fuzz.sh PROGRAM SOURCES BUILD
set -eu
. "$2/tests/cli/lib.sh"

# Every target is listed, and nothing else.
run fuzz --list
expect 0 '' list
sed 's/ .*//' out.txt >listed.txt
ls "$sources"/tests/fuzz/fuzz_*.c | sed 's/.*fuzz_\(.*\)\.c/\1/' | sort >there.txt
cmp -s listed.txt there.txt || fail "list: $(tr '\n' ' ' <listed.txt)"

run fuzz
expect 2 'which target' 'no target'
run fuzz fram
expect 2 'did you mean frame' 'a slip'
run fuzz frame --time 0
expect 2 'seconds above 0' 'no time'
run fuzz frame --source "$scratch"
expect 2 'does not hold the sources' 'no sources'

# Without clang: a path that has everything but.
mkdir bin
for tool in cmake env sh; do
    ln -s "$(command -v "$tool")" "bin/$tool"
done
code=0
PATH=$scratch/bin "$program" fuzz frame --source "$sources" >out.txt 2>err.txt || code=$?
expect 2 'clang is not installed' 'no clang'

# A checkout of one target, which breaks when the second byte is an x.
mkdir -p mini/tests/fuzz
cat >mini/CMakePresets.json <<'JSON'
{"version": 6,
 "configurePresets": [{"name": "fuzz", "generator": "Ninja", "binaryDir": "${sourceDir}/build/fuzz",
   "cacheVariables": {"CMAKE_C_COMPILER": "clang"}}],
 "buildPresets": [{"name": "fuzz", "configurePreset": "fuzz"}]}
JSON
cat >mini/CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(mini LANGUAGES C)
add_executable(fuzz_frame tests/fuzz/fuzz_frame.c)
target_compile_options(fuzz_frame PRIVATE -fsanitize=fuzzer)
target_link_options(fuzz_frame PRIVATE -fsanitize=fuzzer)
set_target_properties(fuzz_frame PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/fuzz)
CMAKE
cat >mini/tests/fuzz/fuzz_frame.c <<'C'
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 1 && data[1] == 'x') {
        fprintf(stderr, "frame.c:1: assertion failed: not an x\n");
        abort();
    }
    return 0;
}
C
echo '#include <stdint.h>
int LLVMFuzzerTestOneInput(const uint8_t *data, unsigned long size) { return data == 0 && size; }' >probe.c
if ! command -v clang >/dev/null || ! clang -fsanitize=fuzzer -o probe probe.c 2>/dev/null; then
    echo "clang with libFuzzer is not installed: the runs are left out"
    finish
    exit 0
fi

run fuzz frame --source mini --time 60 --corpus kept/frame
expect 1 '' 'a finding'
grep -q '^findings    1: .*not an x' out.txt || fail "a finding: $(cat out.txt err.txt)"
[ -d kept/frame ] || fail "a finding: no corpus"
written=$(sed -n 's/^written to  //p' out.txt)
[ -f "$written" ] || fail "a finding: not written: $(cat out.txt)"
repeat=$(sed -n 's/^repeat      //p' out.txt)
if $repeat >again.txt 2>&1; then
    fail "a finding: does not repeat: $repeat"
fi
grep -q 'not an x' again.txt || fail "a finding: repeats as another"

sed -i "s/'x'/300/" mini/tests/fuzz/fuzz_frame.c
run fuzz frame --source mini --time 1
expect 0 '' 'nothing found'
grep -q '^executions  [1-9][0-9]* in .* a second' out.txt || fail "nothing found: $(cat out.txt)"
grep -q '^findings    none' out.txt || fail "nothing found: $(cat out.txt)"

# What cannot be built is the sources' fault, told with the compiler's words.
echo 'broken' >>mini/tests/fuzz/fuzz_frame.c
run fuzz frame --source mini --time 1
expect 2 'the build failed' 'broken'
grep -q 'error:' err.txt || fail "broken: without the compiler's words: $(cat err.txt)"
finish
