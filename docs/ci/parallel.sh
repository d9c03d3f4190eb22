#!/bin/sh
# A sweep in shards under GNU parallel: on this machine, or on many over ssh.
#
# usage: sh docs/ci/parallel.sh SHARDS OUT.db PATH... [-- OPTION of `replisim sweep`...]
#   e.g.  sh docs/ci/parallel.sh 4 night.db scenarios/rotation -- --seeds 1..1000
#   REPLISIM        the program (replisim), found under that name on every host
#   REPLISIM_HOSTS  a file for --sshloginfile, a host a line; unset: this machine alone. The hosts have the
#                   program and the scenarios at the same absolute paths, and rsync
# The shards are joined into OUT.db, and the summary is that of the whole sweep.
# Exit codes: those of `replisim sweep`.
set -eu

[ $# -ge 3 ] || { sed -n '4,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
shards=$1 out=$2
shift 2
[ ! -e "$out" ] || { echo "parallel.sh: $out exists already" >&2; exit 2; }
paths=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    paths="$paths $1"
    shift
done
[ $# -eq 0 ] || shift
program=${REPLISIM:-replisim}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

# A shard that found something, or whose runs broke (1, 3), has done its work; one that could not be begun has not.
# Their own summaries are left out: the one that counts comes at the end.
command="$program sweep$paths $* --shard {}/$shards --db"
verdict='>/dev/null; code=$?; [ $code -le 1 ] || [ $code -eq 3 ]'
failed=0
if [ -n "${REPLISIM_HOSTS:-}" ]; then
    hosts=$(realpath "$REPLISIM_HOSTS")
    (cd "$folder" && seq 0 $((shards - 1)) |
        parallel --will-cite --sshloginfile "$hosts" --jobs 1 --retries 3 --workdir ... \
            --return shard-{}.db --cleanup "$command shard-{}.db --resume $verdict") || failed=$?
else
    seq 0 $((shards - 1)) |
        parallel --will-cite --jobs "$shards" "$command $folder/shard-{}.db --jobs 1 $verdict" || failed=$?
fi
[ "$failed" -eq 0 ] || { echo "parallel.sh: $failed of the shards could not be run" >&2; exit 2; }

"$program" merge "$out" "$folder"/shard-*.db >&2
# The joined database is that of the whole sweep: resuming it runs nothing, and tells all.
# shellcheck disable=SC2086 # a list of words
exec "$program" sweep $paths "$@" --resume --db "$out"
