#!/usr/bin/env bash
# An array, and its merge when all tasks have ended, whatever became of them.
#   cohort.sh LIST OUT [options of sbatch for the array]
# afterany, not afterok: a task in which some sessions failed ends with 3, which SLURM takes for a failure.
set -euo pipefail
list=$1 out=$2
shift 2
here=$(dirname "$(readlink -f "$0")")
array=$(sbatch --parsable "$@" "$here/array.sh" "$list" "$out")
merge=$(sbatch --parsable --dependency="afterany:$array" "$here/merge.sh" "$list" "$out")
echo "array $array, merge $merge"
