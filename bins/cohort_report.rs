//! The report of the cohort, beside the manifest: whichever command writes that, writes the report after it.

use std::path::{Path, PathBuf};

use na_report::{Report, ReportError, is_current};
use na_store::{FeatureStore, REPORT_FILE};
use rayon::ThreadPoolBuilder;
use serde_json::json;

use crate::load::CommandError;
use crate::status::Status;

/// The report of a store whose manifest was written then, ISO 8601: made if there is none of that state. `None` if it cannot be made: a
/// report fails no command.
#[must_use]
pub fn report_beside(output: &Path, updated_at: &str, n_jobs: usize) -> Option<PathBuf> {
    let path = output.join(REPORT_FILE);
    if is_current(&path, updated_at) {
        return Some(path);
    }
    match make_report(output, n_jobs) {
        Ok(path) => Some(path),
        Err(error) => {
            tracing::warn!("there is no report of this state of the store: {error}");
            None
        }
    }
}

/// Makes the report of a store that is there, and says where it is.
///
/// # Errors
/// A store that cannot be read; another program's file where the report should be; a file that cannot be written.
pub(crate) fn report_alone(output: &Path, n_jobs: usize, as_json: bool) -> Result<String, CommandError> {
    if Status::of(output)?.is_empty() {
        return Err(format!("there is no store in {}: give its folder", output.display()).into());
    }
    let path = make_report(output, n_jobs)?;
    let (store, page) = (output.display().to_string(), path.display().to_string());
    Ok(match as_json {
        true => format!("{:#}\n", json!({ "output": store, "report": page })),
        false => format!("The report of the store in {store} is {page}.\n"),
    })
}

fn make_report(output: &Path, n_jobs: usize) -> Result<PathBuf, CommandError> {
    let pool =
        ThreadPoolBuilder::new().num_threads(n_jobs.max(1)).thread_name(|n| format!("report-{n}")).build()?;
    let make = || -> Result<PathBuf, ReportError> { Report::put_beside(&FeatureStore::open(output)?) };
    Ok(pool.install(make)?)
}
