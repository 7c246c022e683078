#!/usr/bin/env bash
# The last line of a subject's own job: its session is published, and a merge is queued unless one of this store is waiting already.
#   epilogue.sh ONE.csv ALL.csv OUT [options of neuroalign-preprocess]
set -euo pipefail
usage="call it as epilogue.sh ONE.csv ALL.csv OUT [options of neuroalign-preprocess]"
one=${1:?$usage} all=${2:?$usage} out=${3:?$usage}
shift 3
here=$(dirname "$(readlink -f "$0")")
[ -e "$here/merge.sh" ] || { echo "$usage, and not by sbatch: it is a line of a job" >&2; exit 2; }
# 3: it could not be read. The merge tells why, and the next look at the store names it.
neuroalign-preprocess --segment --no-progress -s "$one" -o "$out" "$@" || [ $? = 3 ]
# Merges of one store wait for each other, and those of another do not count.
name=neuroalign-merge-$(readlink -f "$out" | cksum | cut -d ' ' -f 1)
# One that is running may have listed the segments already: only one that is pending will see this one.
if [ -z "$(squeue --noheader --me --name="$name" --states=PENDING)" ]; then
    sbatch --parsable --job-name="$name" --dependency=singleton "$here/merge.sh" "$all" "$out"
fi
