# replisim merge: shards become one database that says what one sweep would have said; and what is
# refused leaves no file. The queries of docs/results.md answer.
set -eu
. "$(dirname "$0")/lib.sh"

if ! command -v sqlite3 >/dev/null 2>&1; then
    echo "SKIPPED: no sqlite3"
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

for shard in 0 1 2; do
    run sweep scenarios --seeds 1..20 --shard $shard/3 --db "shard-$shard.db" -q
    expect 1 '' "shard $shard"
done
run sweep scenarios --seeds 1..20 --db whole.db -q
expect 1 '' 'one sweep'

run merge all.db shard-0.db shard-1.db shard-2.db
expect 0 '' 'three shards'
grep -q '^all.db: 20 runs of 3 databases$' out.txt || fail "three shards: $(cat out.txt)"
for query in 'SELECT path, seed, end, fingerprint, lag_max FROM run ORDER BY 1, 2' \
    'SELECT * FROM failure_group' 'SELECT * FROM lag_by_node' \
    'SELECT kind, name, sum(count) FROM reach GROUP BY 1, 2' \
    'SELECT upper_seconds, sum(count) FROM lag_bucket GROUP BY 1' \
    'SELECT name, sum(value) FROM counter GROUP BY 1'; do
    sqlite3 all.db "$query" >merged.txt
    sqlite3 whole.db "$query" >swept.txt
    [ -s merged.txt ] && cmp -s merged.txt swept.txt || fail "other answers to $query"
done

run merge twice.db shard-0.db shard-0.db
expect 0 '' 'one shard twice'
grep -q 'held twice' out.txt || fail "one shard twice: $(cat out.txt)"

run merge all.db shard-0.db
expect 2 '^replisim merge: all.db: is there already' 'the target exists'
run merge new.db
expect 2 'at least one IN.db' 'no source'
run merge new.db shard-0.db missing.db
expect 2 '^replisim merge: missing.db: no such file' 'a source is missing'
run merge new.db scenarios
expect 2 '^replisim merge: scenarios: is a folder' 'a folder'
run merge new.db scenarios/one.lua
expect 2 '^replisim merge: scenarios/one.lua: is no database' 'no database'
run merge none/new.db shard-0.db
expect 2 '^replisim merge: none/new.db: No such file' 'no folder'
run merge new.db shard-0.db --froce
expect 2 'did you mean --force' 'a slip'

sqlite3 shard-1.db "UPDATE sweep SET params = '[\"x=1\"]'"
run merge new.db shard-0.db shard-1.db
expect 2 'shard-1.db: has other parameters: \["x=1"\]; --force' 'other parameters'
run merge forced.db shard-0.db shard-1.db --force
expect 0 '' 'forced'
cp shard-0.db changed.db
sqlite3 changed.db "UPDATE run SET end = 'crash' WHERE end = 'pass'"
run merge new.db shard-0.db changed.db --force
expect 2 'changed.db: scenarios/one.lua with seed .* has two results: pass before, crash here' 'two results'
[ -z "$(ls -- new.db* 2>/dev/null)" ] || fail "left behind: $(ls -- new.db*)"

# The page's own queries.
awk '/^```sql/ { inside = 1; next } /^```/ { inside = 0 } inside' "$sources/docs/results.md" >queries.sql
[ "$(grep -c 'SELECT' queries.sql)" -ge 3 ] || fail 'docs/results.md has no three queries'
sqlite3 -bail all.db <queries.sql >answers.txt 2>err.txt || fail "docs/results.md: $(cat err.txt)"
grep -q '^scenario-check|' answers.txt || fail "docs/results.md: $(cat answers.txt)"
finish
