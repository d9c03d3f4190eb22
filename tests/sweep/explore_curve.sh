#!/bin/sh
# How many states --explore comes to, and how many the same program with one seed after another, in the same
# real time, side by side: makes the curve of docs/exploring.md.
# usage: explore_curve.sh PROGRAM SCENARIOS SECONDS OUT.svg [JOBS]
set -eu
program=$1
scenarios=$2
seconds=$3
out=$4
jobs=${5:-1}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT INT TERM

# A run of the library that fails is not what is measured here.
"$program" sweep "$scenarios" --explore --budget "$seconds" -j "$jobs" --db "$scratch/explored.db" \
    --curve "$scratch/explored.csv" -q >"$scratch/explored.txt" 2>&1 &
explored=$!
"$program" sweep "$scenarios" --seeds 1..1000000 --budget "$seconds" -j "$jobs" \
    --curve "$scratch/random.csv" -q >"$scratch/random.txt" 2>&1 || true
wait "$explored" || true

gnuplot <<EOF
set terminal svg size 720,420 font 'sans-serif,13' background '#ffffff'
set output '$scratch/curve.svg'
set datafile separator ','
set key left top
set xlabel 'real time, seconds'
set ylabel 'abstract states'
set grid lc rgb '#e3e7eb'
set border 3 lc rgb '#6b747d'
set tics nomirror
set xrange [0:*]
set yrange [0:*]
plot '$scratch/explored.csv' skip 1 using 1:3 with steps lw 2 lc rgb '#1f5fbf' title '--explore', \
     '$scratch/random.csv' skip 1 using 1:3 with steps lw 2 lc rgb '#b5611c' title 'seeds one after another'
EOF
mv "$scratch/curve.svg" "$out"
for which in explored random; do
    tail -n 1 "$scratch/$which.csv" |
        awk -F, -v which=$which '{ printf "%-9s %s runs in %s s: %s states, %s cells\n", which, $2, $1, $3, $4 }'
done
