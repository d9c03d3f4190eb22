# What docs/ci.md promises: shards that GNU parallel ran, joined, give the summary of one sweep; and every
# option that its pages and files use is one that the program knows.
set -eu
. "$(dirname "$0")/lib.sh"


# ---- Options ----
for file in docs/ci.md docs/ci/parallel.sh docs/ci/sweep-job.yaml docs/ci/sweep-merge.yaml docs/ci/Dockerfile \
    .github/workflows/nightly.yml; do
    [ -f "$sources/$file" ] || fail "$file is not there"
    # Lines that go on behind a backslash are one; a command ends at the first separator.
    sed -e ':more' -e '/\\$/{N;s/\\\n *//;b more' -e '}' "$sources/$file" |
        grep -oE '(replisim|"\$program"|\$program) (run|sweep|merge|shrink|explain|diff|report) [^|;&`)>]*' |
        while read -r _ command rest; do
            for word in $rest; do
                case $word in
                --?*)
                    run "$command" --help
                    grep -q -e "${word%%[=\"]*}" out.txt ||
                        echo "$file: replisim $command has no ${word%%[=\"]*}"
                    ;;
                esac
            done
        done
done >unknown.txt
[ ! -s unknown.txt ] || fail "$(cat unknown.txt)"

# ---- Shards ----
if ! command -v parallel >/dev/null 2>&1; then
    echo "SKIPPED: no GNU parallel"
    exit 77
fi
mkdir scenarios
cat >scenarios/one.lua <<'END'
return {
  name = "one",
  about = "Fails with a third of the seeds.",
  cluster = { writers = 1, readers = 1 },
  run = function(c)
    c:flush{ files = 3, bytes = "4KiB" }
    c:settle("2m")
    c:check(not c.rng:chance(0.33), "chance had it so")
  end,
}
END
sed -e 's/"one"/"two"/' -e 's/0.33/0.2/' scenarios/one.lua >scenarios/two.lua

run sweep scenarios --seeds 1..10 --db whole.db
expect 1 '' 'one sweep'
grep -v '^  took' out.txt >whole.txt
code=0
REPLISIM=$program sh "$sources/docs/ci/parallel.sh" 4 all.db scenarios -- --seeds 1..10 >out.txt 2>err.txt || code=$?
[ "$code" -eq 1 ] || fail "shards: exit code $code: $(cat err.txt)"
grep -v '^  took' out.txt >shards.txt
cmp whole.txt shards.txt || fail "shards: another summary: $(cat shards.txt)"

code=0
REPLISIM=$program sh "$sources/docs/ci/parallel.sh" 4 all.db scenarios -- --seeds 1..10 >out.txt 2>err.txt || code=$?
[ "$code" -eq 2 ] && grep -q 'exists already' err.txt || fail "over another file: exit code $code: $(cat err.txt)"
finish
