#!/bin/sh
# Nodes that cannot authenticate each other are named in the summary and in the result, and do not keep
# the others from starting.
set -eu
. "$2/tests/cli/lib.sh"

run run "$sources/scenarios/mixed/cut_off.lua"
expect 0 '' "the cluster that is cut in two"
for pair in 'reader-2 \(phase3, .:. MACs\) and writer-1' 'reader-2 \(phase3, .:. MACs\) and reader-1'; do
    grep -Eq "^  cut off      $pair \(arc, NUL MACs\): [1-9][0-9]* requests? refused\$" out.txt ||
        fail "the summary does not tell of $pair: $(cat out.txt)"
done

run run "$sources/scenarios/mixed/cut_off.lua" --json
grep -Eq '"cut_off":\[\{"nodes":\["reader-2","writer-1"\],"releases":\["phase3","arc"\],"refused":[1-9]' out.txt ||
    fail "the result does not tell who is cut off: $(grep -o '"cut_off".*' out.txt)"

# Nobody is cut off where all sign alike, whatever else they do not have in common.
run run "$sources/scenarios/mixed/upgrade.lua" --json
expect 0 '' "an upgrade"
grep -q '"cut_off":\[\]' out.txt || fail "arc and current are told to be cut off: $(cat out.txt)"

# Who could be let in and was not still keeps a scenario from starting.
cat >slow.lua <<'LUA'
return { name = "slow", about = "x", cluster = { writers = 1, readers = 1 },
  network = { latency = "30s" }, run = function(c) end }
LUA
run run slow.lua
expect 2 'reader-1 was not ready when set-up ended \(1 of 2 were\): it has not joined any leader' "a network that lets nobody in"

finish
