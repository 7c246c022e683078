//! What SLURM tells the process of its job: which part of an array it is, and what people call it.

use na_pipeline::Shard;

/// A process that may be a task of an array, by the variables of its environment.
pub(crate) struct SlurmTask<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> SlurmTask<'a> {
    pub(crate) fn new(variable: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { variable }
    }

    fn number(&self, name: &str) -> Option<u64> {
        (self.variable)(name)?.trim().parse().ok()
    }

    /// The job, as `squeue` calls it, and how often it was started again. `None` outside of a job.
    pub(crate) fn job(&self) -> Option<String> {
        let of_array = (self.variable)("SLURM_ARRAY_JOB_ID").zip((self.variable)("SLURM_ARRAY_TASK_ID"));
        let job = match of_array {
            Some((job, task)) => format!("{job}_{task}"),
            None => (self.variable)("SLURM_JOB_ID")?,
        };
        Some(match self.number("SLURM_RESTART_COUNT").unwrap_or(0) {
            0 => job,
            restarts => format!("{job}.restart{restarts}"),
        })
    }

    /// The part of the cohort that this task of an array loads: its place among the array's tasks.
    ///
    /// # Errors
    /// A process that is no task of an array; an array of which some tasks are left out: the parts would be others.
    pub(crate) fn shard(&self) -> Result<Shard, String> {
        let number = |name: &str| self.number(&format!("SLURM_ARRAY_TASK_{name}"));
        let (Some(id), Some(least), Some(most), Some(count)) =
            (number("ID"), number("MIN"), number("MAX"), number("COUNT"))
        else {
            return Err("this is no task of a SLURM array (sbatch --array=0-3): give --shard I/N".to_owned());
        };
        let step = number("STEP").unwrap_or(1).max(1);
        let of = (most.saturating_sub(least) / step).saturating_add(1);
        if of != count || id < least || id > most || (id - least) % step != 0 {
            return Err(format!(
                "the array has {count} tasks from {least} to {most}, with gaps: nobody can tell how many parts there are; submit the \
                 whole array again, which skips what is there, or give --shard $SLURM_ARRAY_TASK_ID/N for an array of N tasks from 0 \
                 (--shard $((SLURM_ARRAY_TASK_ID - 1))/N from 1)"
            ));
        }
        Shard::new((id - least) / step, of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(array: &[(&str, u64)]) -> Result<String, String> {
        let variable = |name: &str| {
            let name = name.strip_prefix("SLURM_ARRAY_TASK_")?;
            array.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string())
        };
        SlurmTask::new(&variable).shard().map(|shard| shard.to_string())
    }

    fn array(id: u64, least: u64, most: u64, step: u64, count: u64) -> Vec<(&'static str, u64)> {
        vec![("ID", id), ("MIN", least), ("MAX", most), ("STEP", step), ("COUNT", count)]
    }

    #[test]
    fn a_whole_array_is_as_many_shards_wherever_it_is_counted_from() {
        assert_eq!(shard(&array(0, 0, 3, 1, 4)).unwrap(), "0/4");
        assert_eq!(shard(&array(4, 1, 4, 1, 4)).unwrap(), "3/4");
        assert_eq!(shard(&array(10, 0, 15, 5, 4)).unwrap(), "2/4");
        assert_eq!(shard(&array(7, 7, 7, 1, 1)).unwrap(), "0/1");
    }

    #[test]
    fn an_array_with_gaps_is_refused_with_the_way_out() {
        // sbatch --array=1,3
        let error = shard(&array(3, 1, 3, 1, 2)).unwrap_err();
        assert!(error.contains("--shard $SLURM_ARRAY_TASK_ID/N"), "{error}");
        assert!(shard(&array(3, 0, 4, 2, 3)).is_err());
        assert!(shard(&[]).unwrap_err().contains("--shard I/N"));
    }

    #[test]
    fn a_job_is_called_as_squeue_calls_it() {
        let job = |known: &[(&str, &str)]| {
            let variable = |name: &str| {
                known.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            SlurmTask::new(&variable).job()
        };
        assert_eq!(job(&[("SLURM_JOB_ID", "17")]).as_deref(), Some("17"));
        let task = [("SLURM_JOB_ID", "18"), ("SLURM_ARRAY_JOB_ID", "17"), ("SLURM_ARRAY_TASK_ID", "3")];
        assert_eq!(job(&task).as_deref(), Some("17_3"));
        let again = [task[0], task[1], task[2], ("SLURM_RESTART_COUNT", "2")];
        assert_eq!(job(&again).as_deref(), Some("17_3.restart2"));
        assert_eq!(job(&[]), None);
    }
}
