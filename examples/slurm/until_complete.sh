#!/usr/bin/env bash
# Submits a cohort again until all of it is there, or as often as you say: for queues that kill what takes long.
#   until_complete.sh TIMES LIST OUT [options of sbatch for the array]
# Finished shards end in the time of a look.
set -euo pipefail
times=$1 list=$2 out=$3
shift 3
here=$(dirname "$(readlink -f "$0")")
for ((n = 0; n < times; n++)); do
    if neuroalign-export-cache "$out" --status --sessions "$list" >/dev/null; then
        echo "all of $list is in $out"
        exit 0
    fi
    array=$(sbatch --parsable --wait "$@" "$here/array.sh" "$list" "$out") || true
    sbatch --wait "$here/merge.sh" "$list" "$out" || true
    echo "array ${array:-} has ended"
done
exec neuroalign-export-cache "$out" --status --sessions "$list"
