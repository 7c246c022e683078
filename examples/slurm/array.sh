#!/usr/bin/env bash
# A cohort by an array of jobs: each task publishes its part of the sessions beside the store.
#   sbatch [--array=0-99%50] array.sh LIST OUT [options of neuroalign-preprocess]
#SBATCH --job-name=neuroalign
#SBATCH --array=0-3
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --time=1:00:00
set -euo pipefail
list=${1:?sbatch array.sh LIST OUT} out=${2:?sbatch array.sh LIST OUT}
shift 2
# exec: the signals of scancel, preemption and the time limit reach the program itself, which publishes what it has.
exec neuroalign-preprocess --segment --shard slurm -j "${SLURM_CPUS_PER_TASK:-1}" --no-progress -s "$list" -o "$out" "$@"
