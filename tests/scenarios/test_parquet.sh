#!/bin/sh
# Real Parquet files, flushed by a writer, are on every node's disk byte for byte: what the disks hold
# is hashed there and compared with sha256sum of the originals.
#
# usage: test_parquet.sh PROGRAM SOURCES
#   REPLISIM_PARQUET  the folder with the files; default ../shared/data/parquet beside the sources
# Exit code 77: there are no files.
set -eu
. "$2/tests/cli/lib.sh"

data=${REPLISIM_PARQUET:-$sources/../shared/data/parquet}
set -- "$data"/*.parquet
if [ ! -f "$1" ]; then
    echo "SKIPPED: no Parquet files in $data (set REPLISIM_PARQUET)"
    exit 77
fi
count=$#
mkdir files
cp "$@" files/
cp "$sources/tests/scenarios/parquet.lua" .

run run parquet.lua --set "files=$count" --json --out out
expect 0 '' "the run"
grep -q '"verdict":"pass"' out.txt || fail "the verdict: $(cat out.txt)"
[ -s out/result.json ] || fail "out/result.json is missing"
# The story's words come on either stream, with the virtual time in front.
cat out.txt err.txt | sed -n 's/^\[[^]]*\] *//p' >words.txt

for file in "$@"; do
    name=$(basename "$file")
    hash=$(sha256sum "$file" | cut -d ' ' -f 1)
    size=$(wc -c <"$file")
    nodes=$(awk -v name="$name" -v hash="$hash" '$1 == "held" && $4 == hash {
        n = split($3, part, "/"); if (part[n] == name) print $2 }' words.txt | sort -u | wc -l)
    [ "$nodes" -eq 5 ] || fail "$name: $nodes of 5 nodes hold its bytes: $(grep -F "$name" words.txt)"
    listed=$(awk -v name="$name" -v hash="$hash" -v size="$size" '$1 == "listed" && $4 == hash &&
        $3 == size { n = split($2, part, "/"); if (part[n] == name) print $2 }' words.txt | wc -l)
    [ "$listed" -eq 1 ] || fail "$name: not in the manifest as it is: $(grep -F "$name" words.txt)"
done
[ "$(grep -c '^held' words.txt)" -eq $((5 * count)) ] || fail "$(grep -c '^held' words.txt) copies"

# A changed byte is seen.
first=$(basename "$1")
printf 'x' >>"files/$first"
run run parquet.lua --set "files=$count"
expect 0 '' "the run with a changed file"
hash=$(sha256sum "$1" | cut -d ' ' -f 1)
! cat out.txt err.txt | grep -q "$hash" || fail "$first was changed and its hash was not"

echo "$count files on 5 nodes"
finish
