#!/usr/bin/env bash
# An array, and its merge when all tasks have ended, whatever became of them. Call it from the folder of your .env; it submits.
#   cohort.sh LIST OUT [options of sbatch for the array]
# afterany, not afterok: a task in which some sessions failed ends with 3, which SLURM takes for a failure.
set -euo pipefail
usage="call it as cohort.sh LIST OUT [options of sbatch]"
list=${1:?$usage} out=${2:?$usage}
shift 2
here=$(dirname "$(readlink -f "$0")")
[ -e "$here/merge.sh" ] || { echo "$usage, and not by sbatch: it submits by itself" >&2; exit 2; }
array=$(sbatch --parsable "$@" "$here/array.sh" "$list" "$out")
merge=$(sbatch --parsable --dependency="afterany:$array" "$here/merge.sh" "$list" "$out")
echo "array $array, merge $merge"
