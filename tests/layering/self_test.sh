#!/bin/sh
# The layering test fires on a planted violation of each kind, and names it.
#
# usage: self_test.sh LAYERING.sh CC
set -eu

layering=$1
cc=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT INT TERM
mkdir -p "$scratch/tree/protocol/raft" "$scratch/tree/fault" "$scratch/tree/sim/cli" \
    "$scratch/tree/reports" "$scratch/tree/tests"

failures=0

# expect_arrow FILE LINE PART: with LINE in FILE the check fails and says PART; "-": it passes.
expect_arrow()
{
    printf '%s\n' "$2" >"$scratch/tree/$1"
    status=0
    said=$(sh "$layering" arrows "$scratch/tree") || status=$?
    rm "$scratch/tree/$1"
    if [ "$3" = - ]; then
        [ "$status" -eq 0 ] || { echo "$1 with $2: should pass, said: $said" && return 1; }
    else
        case "$status:$said" in
        1:*"$1"*"$3"*) ;;
        *) echo "$1 with $2: should fail about $3, said: $said" && return 1 ;;
        esac
    fi
}

while IFS='|' read -r file line part; do
    expect_arrow "$file" "$line" "$part" || failures=$((failures + 1))
done <<'ROWS'
protocol/a.c|#include "protocol/b.h"|-
protocol/a.c|#include "sim/world.h"|sim/world.h
protocol/a.c|  #  include "fault/link.h" // why|fault/link.h
protocol/a.c|#include "protocol/raft/bridge.h"|bridge.h
protocol/a.c|#include "b.h"|b.h
protocol/a.c|#include <raft.h>|raft.h
protocol/a.c|#include <jansson.h>|jansson.h
protocol/raft/a.c|#include <raft.h>|-
fault/a.c|#include "protocol/b.h"|-
fault/a.c|#include "sim/world.h"|sim/world.h
sim/a.c|#include "fault/link.h"|-
sim/a.c|#include "sim/script.h"|sim/script.h
sim/a.c|#include "sim/cli/cli.h"|sim/cli/cli.h
sim/a.c|#include "reports/report.h"|reports/report.h
sim/a.c|#include <pthread.h>|pthread.h
sim/script.c|#include "sim/world.h"|-
sim/script.c|#include "sim/cli/cli.h"|sim/cli/cli.h
sim/cli/a.c|#include "reports/report.h"|-
reports/a.c|#include "reports/read.h"|-
reports/a.c|#include "sim/result.h"|sim/result.h
ROWS

# expect_symbol ROOM SOURCE PART: a library of ROOM with SOURCE in it.
expect_symbol()
{
    mkdir -p "$scratch/build/$1"
    printf '%s\n' "$2" >"$scratch/planted.c"
    "$cc" -O0 -c -o "$scratch/planted.o" "$scratch/planted.c"
    rm -f "$scratch/build/$1/libreplisim_$1.a"
    ar rc "$scratch/build/$1/libreplisim_$1.a" "$scratch/planted.o"
    status=0
    said=$(sh "$layering" symbols "$scratch/build" globals) || status=$?
    rm "$scratch/build/$1/libreplisim_$1.a"
    if [ "$3" = - ]; then
        [ "$status" -eq 0 ] || { echo "$1 with $2: should pass, said: $said" && return 1; }
    else
        case "$status:$said" in
        1:*"$3"*) ;;
        *) echo "$1 with $2: should fail about $3, said: $said" && return 1 ;;
        esac
    fi
}

while IFS='|' read -r room source part; do
    expect_symbol "$room" "$source" "$part" || failures=$((failures + 1))
done <<'ROWS'
protocol|int f(void); int g(void) { return f(); }|-
protocol|long time(long *t); long g(void) { return time(0); }|asks for time
protocol|int clock_gettime(int c, void *t); int g(void) { return clock_gettime(0, 0); }|asks for clock_gettime
protocol|char *getenv(const char *); char *g(void) { return getenv("X"); }|asks for getenv
protocol|int puts(const char *); int g(void) { return puts("x"); }|asks for puts
fault|int rand(void); int g(void) { return rand(); }|asks for rand
fault|int open(const char *, int, ...); int g(void) { return open("x", 0); }|asks for open
sim|int puts(const char *); int g(void) { return puts("x"); }|-
sim|int socket(int, int, int); int g(void) { return socket(0, 0, 0); }|asks for socket
sim|int pthread_create(void *, void *, void *, void *); int g(void) { return pthread_create(0, 0, 0, 0); }|asks for pthread_create
protocol|static int calls; int g(void) { return ++calls; }|changing global: calls
sim|int level = 3; int g(void) { return ++level; }|changing global: level
sim|static const char *const names[] = {"a", "b"}; const char *g(int i) { return names[i]; }|-
ROWS

if [ "$failures" -gt 0 ]; then
    echo "$failures of the planted cases went wrong"
    exit 1
fi
