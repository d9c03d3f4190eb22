#!/bin/sh
# What the README tells users to run and read exists. usage: test_readme.sh PROGRAM SOURCES BUILD
set -eu
. "$2/tests/cli/lib.sh"

# Links to files of the checkout, in every page.
for page in "$sources/README.md" "$sources"/docs/*.md; do
    folder=$(dirname "$page")
    for link in $(sed -n 's/[^]]*](\([^)#]*\)[^)]*)/\1\n/gp' "$page" | grep -v '^http' | grep -E '^[A-Za-z0-9._/-]+$'); do
        [ -e "$folder/$link" ] || fail "$page names $link, which is not there"
    done
done

# Commands in the README: scripts exist, and the program knows what it is asked.
sed -n '/^```sh$/,/^```$/p' "$sources/README.md" | grep -v '^```' >commands.txt
[ "$(wc -l <commands.txt)" -ge 4 ] || fail "README has lost its commands"
while read -r line; do
    set -- $line
    case "$1" in
    sh) [ -f "$sources/$2" ] || fail "README runs $2, which is not there" ;;
    */replisim)
        case "$2" in
        run) [ -f "$sources/$3" ] || fail "README runs $3, which is not there" ;;
        *)
            shift
            run "$@"
            expect 0 '' "README: $line"
            ;;
        esac
        ;;
    *) fail "README: $line" ;;
    esac
done <commands.txt

# Every property, release and exit code that the program knows has its place in the pages.
run list properties
while read -r property about; do
    grep -q "^| .$property. |" "$sources/docs/invariants.md" ||
        fail "docs/invariants.md does not tell of $property ($about)"
done <out.txt
# Every defect of the reference is told of, and none that is gone; docs.scenarios compares the index.
(cd "$sources/scenarios" && find reference -name '*.lua' | LC_ALL=C sort) >there.txt
grep -o '`reference/[a-z0-9_]*\.lua`' "$sources/docs/reference.md" | tr -d '`' | LC_ALL=C sort -u >told.txt
cmp -s there.txt told.txt || fail "docs/reference.md: $(diff there.txt told.txt)"
for command in run list describe matrix; do
    grep -q "replisim $command" "$sources/docs/replisim.1" || fail "the man page lacks $command"
done

finish
