#!/usr/bin/env bash
# The last line of a subject's own job: its session is published, and a merge is queued unless one is waiting already.
#   epilogue.sh ONE.csv ALL.csv OUT [options of neuroalign-preprocess]
set -euo pipefail
one=$1 all=$2 out=$3
shift 3
here=$(dirname "$(readlink -f "$0")")
# 3: it could not be read. The merge tells why, and the next look at the store names it.
neuroalign-preprocess --segment --no-progress -s "$one" -o "$out" "$@" || [ $? = 3 ]
# One that is running may have listed the segments already: only one that is pending will see this one.
if [ -z "$(squeue --noheader --me --name=neuroalign-merge --states=PENDING)" ]; then
    sbatch --parsable --dependency=singleton "$here/merge.sh" "$all" "$out"
fi
