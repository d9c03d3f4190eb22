# Shared by the command-line tests; sourced. $program is the program, $scratch a folder of its own.
program=$1
sources=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT INT TERM
cd "$scratch"
failures=0

fail()
{
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# run ARGUMENT...: sets $code; leaves out.txt and err.txt.
run()
{
    code=0
    "$program" "$@" >"$scratch/out.txt" 2>"$scratch/err.txt" || code=$?
}

# expect CODE PATTERN NAME: the last run ended so, and err.txt matches (an empty pattern: whatever).
expect()
{
    [ "$code" -eq "$1" ] || fail "$3: exit code $code, not $1: $(head -n 3 "$scratch/err.txt")"
    [ -z "$2" ] || grep -Eq -- "$2" "$scratch/err.txt" || fail "$3: error without $2: $(cat "$scratch/err.txt")"
}

finish()
{
    [ "$failures" -eq 0 ] || exit 1
}
