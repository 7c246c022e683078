//! The file of a report: which store it is of, and how it is replaced.

use std::fs;
use std::path::Path;

use na_store::report_state;

use crate::error::ReportError;

/// What a report is of: when the store was written, and the version of the program that made the report.
pub(crate) fn state(updated_at: &str) -> String {
    format!("{updated_at} {}", env!("CARGO_PKG_VERSION"))
}

/// Whether the report at this path is of the store that was written then, by this version.
///
/// # Errors
/// A file that cannot be read.
pub fn is_current(path: &Path, updated_at: &str) -> Result<bool, ReportError> {
    Ok(report_state(path)?.is_some_and(|of| of == state(updated_at)))
}

/// Puts a report in place of an older one.
pub(crate) fn replace(path: &Path, html: &str) -> Result<(), ReportError> {
    let is_there = fs::metadata(path).is_ok_and(|file| file.len() > 0);
    if is_there && report_state(path)?.is_none() {
        return Err(ReportError::Foreign { path: path.to_owned() });
    }
    Ok(na_store::replace_file(path, html.as_bytes())?)
}
