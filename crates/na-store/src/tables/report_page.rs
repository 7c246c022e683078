//! The cohort report in a store's folder. It is made from the rest of the store and can be made again at any time: no file of the store
//! names it, and a withdrawal deletes it before anything else.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::error::StoreError;

/// The report's name in the store's folder.
pub const REPORT_FILE: &str = "report.html";

/// What stands before a report's state, near the beginning of the page; a quotation mark ends the state. A page without it is no report.
pub const REPORT_MARK: &str = "<meta name=\"neuroalign:state\" content=\"";

/// Bytes in which the mark stands.
const HEAD: u64 = 512;

/// What the report at a path says that it is of. `None` if there is no file, or if it is no report.
///
/// # Errors
/// A file that cannot be read.
pub fn report_state(path: &Path) -> Result<Option<String>, StoreError> {
    let mut head = Vec::new();
    match File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(StoreError::io("read", path))?,
    };
    let head = String::from_utf8_lossy(&head);
    let state = head.split_once(REPORT_MARK).and_then(|(_, rest)| rest.split_once('"'));
    Ok(state.map(|(state, _)| state.to_owned()))
}

/// Deletes the report of a store. Another program's page stays.
pub(crate) fn delete_report(output: &Path) -> Result<(), StoreError> {
    let path = output.join(REPORT_FILE);
    match report_state(&path)? {
        Some(_) => fs::remove_file(&path).map_err(StoreError::io("delete", &path)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_report_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(REPORT_FILE);
        assert_eq!(report_state(&path).unwrap(), None);
        fs::write(&path, "<!doctype html><p>mine").unwrap();
        delete_report(folder.path()).unwrap();
        assert!(path.exists());
        fs::write(&path, format!("<!doctype html>{REPORT_MARK}now\">")).unwrap();
        assert_eq!(report_state(&path).unwrap().as_deref(), Some("now"));
        delete_report(folder.path()).unwrap();
        assert!(!path.exists());
    }
}
