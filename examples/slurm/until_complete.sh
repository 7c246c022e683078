#!/usr/bin/env bash
# Submits a cohort again until nothing is left to read, or as often as you say: for queues that kill what takes long.
#   until_complete.sh TIMES LIST OUT [options of sbatch for the array]
# Finished shards end in the time of a look. What is not on disk, or failed, is not read by trying again: ends with 3 and names it.
set -euo pipefail
usage="call it as until_complete.sh TIMES LIST OUT [options of sbatch]"
times=${1:?$usage} list=${2:?$usage} out=${3:?$usage}
shift 3
here=$(dirname "$(readlink -f "$0")")
[ -e "$here/merge.sh" ] || { echo "$usage, and not by sbatch: it submits by itself" >&2; exit 2; }
for ((n = 0; ; n++)); do
    code=0
    status=$(neuroalign-export-cache "$out" --status --sessions "$list") || code=$?
    case $code in
    # What is published and not merged is safe, and not in the store yet.
    0) [[ $status == *SEGMENTS* ]] || { echo "all of $list is in $out" && exit; } ;;
    3) ;;
    # It has said why.
    *) exit "$code" ;;
    esac
    if [[ $n -ge $times || $status == *"Not read yet: 0"* && $status != *SEGMENTS* ]]; then
        echo "$status"
        exit 3
    fi
    if [[ $status != *"Not read yet: 0"* ]]; then
        array=$(sbatch --parsable --wait "$@" "$here/array.sh" "$list" "$out") || true
        # sbatch has said why nothing was submitted.
        [ -n "$array" ] || exit 1
        echo "array $array has ended"
    fi
    sbatch --parsable --wait "$here/merge.sh" "$list" "$out" || true
done
