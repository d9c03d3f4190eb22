#!/bin/sh
# Torments sweeps: kills them and their workers, fills their disk, holds, breaks and shares their database, at
# random moments. After each round `--resume` must end with the summary of an undisturbed sweep: nothing
# reported twice, and nothing lost but runs that were in flight.
#
# usage: torture.sh PROGRAM [ROUNDS [FIRST]]     rounds are numbered; a number's round is always of the same kind
set -u
LC_ALL=C
export LC_ALL
program=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
rounds=${2:-5}
first=${3:-1}
seeds=16
for tool in sqlite3 perl pgrep; do
    command -v "$tool" >/dev/null 2>&1 || {
        echo "SKIPPED: no $tool"
        exit 77
    }
done
scratch=$(mktemp -d)
disk=$scratch/disk
mkdir "$disk"
trap 'umount "$disk" 2>/dev/null; rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
cd "$scratch" || exit 2
failures=0
round=0

fail()
{
    echo "FAILED: round $round ($kind): $*"
    failures=$((failures + 1))
}

# Enough work that a sweep takes a second, some seeds that fail, one cause that is common to both.
mkdir scenarios
cat >scenarios/one.lua <<'END'
return {
  name = "one",
  about = "Fails with a third of the seeds.",
  cluster = { writers = 1, readers = 2 },
  run = function(c)
    c:flush{ files = 40, bytes = "4KiB" }
    c:settle("2m")
    c:check(not c.rng:chance(0.33), "chance had it so")
  end,
}
END
sed 's/"one"/"two"/; s/0\.33/0.1/; s/readers = 2/readers = 1/' scenarios/one.lua >scenarios/two.lua
cat >scenarios/wrong.lua <<'END'
return {
  name = "wrong",
  about = "Stops with an error.",
  cluster = { writers = 1, readers = 1 },
  run = function(c)
    c:settle("1m")
    error("seed " .. c.seed .. " went wrong")
  end,
}
END

# What must be the same: all but real time, and what is said of one sitting.
summary()
{
    tail -n 1 "$1" | sed -E 's/"(wall_seconds|runs_per_second|ran|jobs|found|elapsed_seconds)": ?[0-9.e+-]+,?//g'
}

rows()
{
    sqlite3 -cmd '.timeout 10000' "$1" "SELECT path, seed, end, fingerprint, events FROM run
        $2"
}

# sweep ARGUMENT...: in the foreground; $code.
sweep()
{
    code=0
    "$program" sweep scenarios --seeds 1..$seeds --jobs 2 --json -q "$@" >out.txt 2>err.txt || code=$?
    cat out.txt >>all.txt
}

# start ARGUMENT...: in the background; $parent. A shell lets what it starts there ignore SIGINT.
start()
{
    perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' "$program" sweep scenarios --seeds 1..$seeds --jobs 2 --json -q "$@" >out.txt 2>err.txt &
    parent=$!
}

# Its exit code; what it printed is kept, a last line that a kill cut off is not.
finish()
{
    code=0
    wait "$parent" 2>/dev/null || code=$?
    if [ -n "$(tail -c 1 out.txt)" ]; then
        sed '$d' out.txt >>all.txt
    else
        cat out.txt >>all.txt
    fi
}

# nap MILLISECONDS
nap()
{
    sleep "$(awk "BEGIN { printf \"%.3f\", $1 / 1000 }")"
}

# draw BOUND: 0..BOUND-1 from the round's own numbers.
draw()
{
    state=$(((state * 1103515245 + 12345) % 2147483648))
    drawn=$((state / 65536 % $1))
}

# The longest that a disturbance waits, in ms: a little more than an undisturbed sweep takes.
began=$(date +%s%N)
sweep --db reference.db
took=$((($(date +%s%N) - began) / 1000000))
expected=$code
[ "$code" -eq 1 ] || {
    cat err.txt
    echo "FAILED: the undisturbed sweep ended with $code"
    exit 1
}
summary out.txt >reference.txt
rows reference.db '' | sort >reference.rows

# The sitting came to its end; killed workers are graver than failures.
is_whole()
{
    [ "$code" -eq "$expected" ] || { [ "$code" -eq 3 ] && [ "$killed" -gt 0 ]; }
}

# A disturbance came in time to change how the sitting ended.
struck()
{
    echo "$what" >>struck.txt
}

# Was the user told? Runs of killed workers alone end a sitting with 3, too, without a word.
is_told()
{
    if grep -q "$1" err.txt; then
        struck
    else
        [ "$killed" -gt 0 ] && [ ! -s err.txt ]
    fi
}

# No worker outlives its parent for long.
check_orphans()
{
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        pgrep -f "sweep scenarios --seeds 1..$seeds --jobs 2 --json -q --db $1" >/dev/null || return 0
        nap 300
    done
    fail "workers are left"
}

# ---- Disturbances: each leaves $code and a database that can be resumed ---------------------------------

kill_parent()
{
    start --db "$db" --resume
    nap "$wait_ms"
    kill -9 "$parent" 2>/dev/null
    finish
    [ "$code" -ne 137 ] || struck
    check_orphans "$db"
}

interrupt()
{
    start --db "$db" --resume
    nap "$wait_ms"
    kill -"$1" "$parent" 2>/dev/null
    finish
    case $code in
    130 | 143) struck ;; # the latter: it had not yet begun to watch
    *) is_whole || fail "SIG$1 gave $code: $(head -n 3 err.txt)" ;;
    esac
}

kill_workers()
{
    start --db "$db" --resume
    for attempt in 1 2 3; do
        nap $((wait_ms / 3))
        worker=$(pgrep -P "$parent" | head -n 1)
        [ -z "$worker" ] || kill -9 "$worker" 2>/dev/null && killed=$((killed + 1))
    done
    finish
    case $code in
    1) ;;
    3) struck ;;
    *) fail "killed workers gave $code: $(head -n 3 err.txt)" ;;
    esac
}

# A limit in blocks of 512 bytes that some runs fit in.
limit_files()
{
    draw 600
    code=0
    (
        ulimit -f $((100 + drawn))
        exec "$program" sweep scenarios --seeds 1..$seeds --jobs 2 --json -q --db "$db" --resume \
            >/dev/null 2>err.txt
    ) || code=$?
    case $code in
    1) ;;
    3) is_told "$db: .*limit on the size" || fail "no word of the limit: $(head -n 3 err.txt)" ;;
    *) fail "a limit on files gave $code: $(head -n 3 err.txt)" ;;
    esac
}

fill_disk()
{
    mount -t tmpfs -o size=$((200 + wait_ms % 500))k tmpfs "$disk" 2>/dev/null || {
        limit_files
        return
    }
    cp all.txt before.txt
    sweep --db "$disk/x.db" --resume
    case $code in
    1) ;;
    2 | 3) is_told "x.db: .*disk is full" || fail "no word of the disk: $(head -n 3 err.txt)" ;;
    *) fail "a full disk gave $code: $(head -n 3 err.txt)" ;;
    esac
    mount -o remount,size=100m "$disk"
    sweep --db "$disk/x.db" --resume
    [ "$code" -eq "$expected" ] || fail "with room again it gave $code: $(head -n 3 err.txt)"
    rows "$disk/x.db" '' | sort | cmp -s - reference.rows || fail "a full disk changed the results"
    umount "$disk"
    cp before.txt all.txt
}

hold_database()
{
    start --db "$db" --resume
    nap "$wait_ms"
    (
        echo 'BEGIN IMMEDIATE;'
        nap 700
        echo 'COMMIT;'
    ) | sqlite3 -cmd '.timeout 10000' "$db" >/dev/null 2>&1
    finish
    is_whole || fail "a held database gave $code: $(head -n 3 err.txt)"
}

second_sweep()
{
    start --db "$db" --resume
    nap $((wait_ms / 2))
    "$program" sweep scenarios --seeds 1..$seeds --db "$db" --resume -q >/dev/null 2>second.txt
    second=$?
    if kill -0 "$parent" 2>/dev/null; then
        struck
        [ "$second" -eq 2 ] && grep -q "another sweep writes to it (process $parent)" second.txt ||
            fail "a second sweep gave $second: $(head -n 3 second.txt)"
    fi
    finish
    is_whole || fail "the first sweep gave $code: $(head -n 3 err.txt)"
}

# Bytes of the file are overwritten while it is used. What it says afterwards nobody can promise, but
# it ends, says something, and what is refused is not touched. The round goes on with a new file.
corrupt()
{
    start --db "$db" --resume
    nap "$wait_ms"
    size=$(wc -c <"$db" 2>/dev/null || echo 0)
    for attempt in 1 2 3 4 5 6; do
        draw $((size / 16 + 1))
        printf 'torture torture ' | dd of="$db" bs=16 seek="$drawn" conv=notrunc 2>/dev/null
    done
    finish
    [ "$code" -lt 2 ] || struck
    [ "$code" -le 3 ] || fail "a broken database ended a sweep with $code"
    sum=$(cat "$db" 2>/dev/null | cksum)
    sweep --db "$db" --resume
    [ "$code" -le 3 ] || fail "a broken database ended the next sweep with $code"
    [ "$code" -lt 2 ] || struck
    [ "$code" -lt 2 ] || [ -s err.txt ] || fail "code $code without a word"
    if [ "$code" -eq 2 ]; then
        grep -q "$db" err.txt || fail "the file is not named: $(head -n 3 err.txt)"
        [ "$sum" = "$(cat "$db" 2>/dev/null | cksum)" ] || fail "a refused file was written to"
    fi
    rm -f "$db" "$db"-*
    : >all.txt
}

# ---- Rounds ----------------------------------------------------------------------------------------------

check_round()
{
    sweep --db "$db" --resume
    if [ "$killed" -eq 0 ]; then
        [ "$code" -eq "$expected" ] || fail "the last sitting gave $code: $(head -n 3 err.txt)"
        summary out.txt >last.txt
        cmp -s last.txt reference.txt || fail "another summary"
        rows "$db" '' | sort | cmp -s - reference.rows || fail "other runs"
    else
        rows "$db" "WHERE end <> 'memory'" | sort >last.rows
        comm -23 last.rows reference.rows | grep -q . && fail "other runs than those killed differ"
        lost=$(($(wc -l <reference.rows) - $(wc -l <last.rows)))
        [ "$lost" -le "$killed" ] || fail "$lost runs are lost, $killed workers were killed"
    fi
    twice=$(grep -o '^{"scenario":"[a-z]*","seed":[0-9]*' all.txt | sort | uniq -d | head -n 3)
    [ -z "$twice" ] || fail "reported twice: $twice"
    check=$(sqlite3 "$db" 'PRAGMA integrity_check; PRAGMA foreign_key_check;')
    [ "$check" = ok ] || fail "the database is not sound: $check"
    [ ! -e "$db-lock" ] && [ ! -e "$db-wal" ] || fail "something was left beside the database"
}

disturb()
{
    what=$1
    kind="$kind $1"
    echo "$1" >>kinds.txt
    "$@"
}

round=$first
while [ "$round" -lt $((first + rounds)) ]; do
    state=$((round * 7919))
    db=$scratch/round.db # pgrep looks for the name
    killed=0
    kind=
    rm -f "$db" "$db"-*
    : >all.txt
    for part in 1 2; do
        draw $((took * 5 / 4 + 1))
        wait_ms=$drawn
        draw 9
        case $(((drawn + round) % 9)) in
        0 | 1) disturb kill_parent ;;
        2) disturb interrupt INT ;;
        3) disturb interrupt TERM ;;
        4) disturb kill_workers ;;
        5) disturb limit_files ;;
        6) disturb fill_disk ;;
        7) draw 2 && if [ "$drawn" -eq 0 ]; then disturb hold_database; else disturb second_sweep; fi ;;
        8) disturb corrupt ;;
        esac
    done
    check_round
    round=$((round + 1))
done
echo "$rounds rounds, $failures failures; an undisturbed sweep takes $took ms; disturbances:"
sort kinds.txt | uniq -c
echo "of them, in time to change how a sitting ended:"
sort struck.txt 2>/dev/null | uniq -c
[ "$failures" -eq 0 ]
