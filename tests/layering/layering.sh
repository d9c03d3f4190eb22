#!/bin/sh
# Keeps the arrows between the rooms (docs/architecture.md), by what files include and by what the
# built libraries ask of the system.
#
# usage: layering.sh arrows ROOT              every #include "room/..." follows an arrow
#        layering.sh symbols BUILD [globals]  no library asks for time, randomness, the environment...
# Prints each violation on a line of its own; exit code 1 when there is one.
set -eu
LC_ALL=C
export LC_ALL

# arrow ROOM TARGET: may a file of ROOM include TARGET? Rooms within rooms come first.
is_allowed()
{
    case "$1:$2" in
    uv:protocol/raft/*) return 0 ;;
    uv:protocol/*) return 0 ;;
    raft:protocol/uv/*) return 1 ;;
    raft:protocol/*) return 0 ;;
    protocol:protocol/raft/* | protocol:protocol/uv/*) return 1 ;;
    protocol:protocol/*) return 0 ;;
    fault:protocol/raft/* | fault:protocol/uv/*) return 1 ;;
    fault:fault/* | fault:protocol/*) return 0 ;;
    sim:sim/cli/* | sim:sim/script* | sim:sim/fuzz/* | sim:sim/shrink/* | sim:sim/sweep/* | sim:protocol/uv/*) return 1 ;;
    sim:sim/* | sim:fault/* | sim:protocol/*) return 0 ;;
    script:sim/cli/* | script:sim/shrink/* | script:sim/sweep/* | script:protocol/uv/*) return 1 ;;
    script:sim/* | script:fault/* | script:protocol/*) return 0 ;;
    reports:reports/*) return 0 ;;
    any:*/*) return 0 ;;
    esac
    return 1
}

room_of()
{
    case "$1" in
    protocol/raft/*) echo raft ;;
    protocol/uv/*) echo uv ;;
    protocol/*) echo protocol ;;
    fault/*) echo fault ;;
    sim/cli/* | sim/fuzz/* | sim/shrink/* | sim/sweep/*) echo any ;;
    sim/script*) echo script ;;
    sim/*) echo sim ;;
    reports/*) echo reports ;;
    *) echo any ;;
    esac
}

# <raft.h> is seen where libraft is wrapped and nowhere else; uv and Lua likewise.
is_allowed_library()
{
    case "$2" in
    raft.h | raft/*)
        case "$1" in
        protocol/raft/* | protocol/uv/* | sim/consensus_raft* | tests/*) return 0 ;;
        esac
        return 1
        ;;
    uv.h) case "$1" in protocol/uv/* | tests/*) return 0 ;; esac && return 1 ;;
    lua*.h) case "$1" in sim/script* | tests/*) return 0 ;; esac && return 1 ;;
    jansson.h) case "$1" in protocol/* | fault/*) return 1 ;; esac ;;
    sys/socket.h | pthread.h | threads.h)
        case "$1" in protocol/uv/* | sim/cli/* | tests/*) return 0 ;; esac
        return 1
        ;;
    esac
    return 0
}

check_file()
{
    room=$(room_of "$1")
    sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*\(["<][^">]*[">]\).*/\1/p' "$1" |
        while read -r include; do
            name=${include#?}
            name=${name%?}
            case "$include" in
            \"*)
                is_allowed "$room" "$name" || echo "$1: $room may not include \"$name\""
                ;;
            *)
                is_allowed_library "$1" "$name" || echo "$1: <$name> does not belong here"
                ;;
            esac
        done
}

arrows()
{
    cd "$1"
    find protocol fault sim reports tests -name '*.[ch]' | sort | while read -r file; do
        check_file "$file"
    done
}

everywhere='time|clock_gettime|gettimeofday|clock|rand|srand|random|srandom|rand_r|drand48|arc4random|getrandom|getentropy|RAND_bytes|RAND_priv_bytes|getenv|secure_getenv|setlocale|socket|pthread_create|thrd_create|fork|nanosleep|usleep|sleep'
quiet='open|openat|write|read|fprintf|printf|vfprintf|vprintf|fputs|puts|fputc|putc|putchar|fwrite|fopen|fread|stdout|stderr'

# symbols LIBRARY PATTERN [EXCEPT]: undefined symbols, fortified and 64-bit forms included.
undefined()
{
    nm -u -A "$1" 2>/dev/null | sed 's/@.*//' |
        awk -v forbidden="^(__)?($2)(64)?(_2)?(_chk)?$" -v except="${3:-^$}" \
            '$0 !~ except && $NF ~ forbidden { print $1 " asks for " $NF }'
}

# globals LIBRARY: objects that can change and outlive a call.
globals()
{
    objdump -t "$1" 2>/dev/null | awk -v library="$1" '
        /file format/ { member = $1 }
        $0 ~ / O \.(t?bss|t?data)(\.[^r]|[[:space:]])/ || $0 ~ / O \*COM\*/ {
            print library "(" member ") keeps a changing global: " $NF }'
}

symbols()
{
    for room in protocol fault sim; do
        library=$1/$room/libreplisim_$room.a
        [ -f "$library" ] || continue
        undefined "$library" "$everywhere" 'panic\.c\.o'
        [ "$room" = sim ] || undefined "$library" "$quiet" 'panic\.c\.o'
        [ "${2:-}" != globals ] || globals "$library"
    done
    for library in "$1/protocol/libreplisim_raft.a" "$1/sim/libreplisim_script.a"; do
        [ -f "$library" ] || continue
        undefined "$library" "$everywhere"
        [ "${2:-}" != globals ] || globals "$library"
    done
}

command=$1
shift
case "$command" in
arrows) found=$(arrows "$@") ;;
symbols) found=$(symbols "$@") ;;
*)
    echo "usage: layering.sh arrows ROOT | symbols BUILD [globals]" >&2
    exit 2
    ;;
esac
if [ -n "$found" ]; then
    printf '%s\n' "$found"
    exit 1
fi
