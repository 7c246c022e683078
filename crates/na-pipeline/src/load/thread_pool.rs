//! The threads of a run.

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::config::Config;
use crate::error::PipelineError;

/// As many threads as the run may have, named after their work.
///
/// # Errors
/// [`PipelineError::Threads`].
pub(crate) fn thread_pool(config: &Config, work: &'static str) -> Result<ThreadPool, PipelineError> {
    let n_jobs = config.n_jobs.max(1);
    let pool =
        ThreadPoolBuilder::new().num_threads(n_jobs).thread_name(move |n| format!("{work}-{n}")).build();
    pool.map_err(|error| PipelineError::Threads { n_jobs, problem: error.to_string() })
}
