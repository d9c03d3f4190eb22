#!/bin/sh
# Every test, scenario or file that a page of docs/ names in backquotes exists: `test_x: claim` is a
# test of that name in some tests/*/test_x.c and is run by it; a path ends in .lua, .sh, .c or .h.
#
# usage: named_tests.sh ROOT PAGE...
set -eu

root=$1
shift
cd "$root"
missing=$(mktemp)
trap 'rm -f "$missing"' EXIT INT TERM

for page; do
    grep -o '`test_[a-z0-9_]*: [a-z0-9_]*`' "$page" | tr -d '`:' | sort -u |
        while read -r file claim; do
            if ! grep -qs "START_TEST($claim)" tests/*/"$file.c"; then
                echo "$page: $file has no test $claim"
            elif ! grep -qsE "tcase_add[a-z_]*test[a-z_]*\([a-z_]+, *$claim\b" tests/*/"$file.c"; then
                echo "$page: $file does not run $claim"
            fi
        done >>"$missing"
    grep -oE '`(scenarios|tests|protocol|sim|fault|reports)/[A-Za-z0-9_./-]+\.(lua|sh|c|h)`' "$page" |
        tr -d '`' | sort -u |
        while read -r path; do
            [ -e "$path" ] || echo "$page: no file $path"
        done >>"$missing"
done
if [ -s "$missing" ]; then
    cat "$missing"
    exit 1
fi
