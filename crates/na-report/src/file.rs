//! The file of a report: which store it is of, and how it is replaced.

use std::fs;
use std::path::{Path, PathBuf};

use na_store::{ExistingStore, FeatureStore, REPORT_FILE, report_state};

use crate::error::ReportError;

/// How often a report is made again whose store was written meanwhile.
const TRIES: usize = 5;

/// What a report is of: when the store was written, and the version of the program that made the report.
pub(crate) fn state(updated_at: &str) -> String {
    format!("{updated_at} {}", env!("CARGO_PKG_VERSION"))
}

/// Whether the report at this path is of the store that was written then, by this version.
#[must_use]
pub fn is_current(path: &Path, updated_at: &str) -> bool {
    report_state(path).is_some_and(|of| of == state(updated_at))
}

/// Puts a report in place of an older one.
pub(crate) fn replace(path: &Path, html: &str) -> Result<(), ReportError> {
    let is_there = fs::metadata(path).is_ok_and(|file| file.len() > 0 || !file.is_file());
    if is_there && report_state(path).is_none() {
        return Err(ReportError::Foreign { path: path.to_owned() });
    }
    Ok(na_store::replace_file(path, html.as_bytes())?)
}

/// Puts a report into the folder of its store, `made` with the state that it is of. If the store is written meanwhile it is made again, and
/// none is left of an older state: it could show who withdrew since.
pub(crate) fn put_beside(
    store: &FeatureStore,
    made: impl Fn() -> Result<(String, String), ReportError>,
) -> Result<PathBuf, ReportError> {
    let path = store.folder().join(REPORT_FILE);
    let state_now = || -> Result<String, ReportError> {
        Ok(ExistingStore::open(store.folder())?.updated_at().map(state).unwrap_or_default())
    };
    for _ in 0..TRIES {
        let (html, of) = made()?;
        if state_now()? != of {
            continue;
        }
        replace(&path, &html)?;
        if state_now()? == of {
            return Ok(path);
        }
        if report_state(&path).is_some_and(|there| there == of) {
            fs::remove_file(&path).map_err(|source| ReportError::Outdated { path: path.clone(), source })?;
        }
    }
    Err(ReportError::Changing { output: store.folder().to_owned() })
}
