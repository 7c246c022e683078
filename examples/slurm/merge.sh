#!/usr/bin/env bash
# What the tasks have published becomes the store.
#   sbatch --dependency=afterany:JOB merge.sh LIST OUT [options of neuroalign-export-cache]
#SBATCH --job-name=neuroalign-merge
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --time=1:00:00
set -euo pipefail
list=${1:?sbatch merge.sh LIST OUT} out=${2:?sbatch merge.sh LIST OUT}
shift 2
exec neuroalign-export-cache "$out" --sessions "$list" --wait 3600 "$@"
