//! The cohort report in a store's folder. It is made from the rest of the store and can be made again at any time: no file of the store
//! names it, and a withdrawal deletes it before anything else.

use std::fs::{self, File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::error::StoreError;

/// The report's name in the store's folder.
pub const REPORT_FILE: &str = "report.html";

/// What stands before a report's state, near the beginning of the page; a quotation mark ends the state. A page without it is no report.
pub const REPORT_MARK: &str = "<meta name=\"neuroalign:state\" content=\"";

/// Bytes in which the mark stands.
const HEAD: u64 = 512;

/// What stands at the end of every report: one that was cut is none of today's.
pub const REPORT_END: &str = "</html>\n";

/// What the report at a path says that it is of. Empty if it is cut short. `None` if there is no file, if it is no report, and if it
/// cannot be read: it is another's then.
#[must_use]
pub fn report_state(path: &Path) -> Option<String> {
    // A pipe would never answer.
    let metadata = fs::metadata(path).ok().filter(Metadata::is_file)?;
    let mut file = File::open(path).ok()?;
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head).ok()?;
    let head = String::from_utf8_lossy(&head);
    let (_, rest) = head.split_once(REPORT_MARK)?;
    let (state, _) = rest.split_once('"')?;
    let mut end = Vec::new();
    file.seek(SeekFrom::Start(metadata.len().saturating_sub(REPORT_END.len() as u64))).ok()?;
    file.read_to_end(&mut end).ok()?;
    Some(if end == REPORT_END.as_bytes() { state.to_owned() } else { String::new() })
}

/// Deletes the report of a store. Another program's page stays.
pub(crate) fn delete_report(output: &Path) -> Result<(), StoreError> {
    let path = output.join(REPORT_FILE);
    match report_state(&path) {
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
        assert_eq!(report_state(&path), None);
        fs::write(&path, "<!doctype html><p>mine").unwrap();
        delete_report(folder.path()).unwrap();
        assert!(path.exists());
        fs::write(&path, format!("<!doctype html>{REPORT_MARK}now\">")).unwrap();
        assert_eq!(report_state(&path).as_deref(), Some(""), "it is cut short");
        fs::write(&path, format!("<!doctype html>{REPORT_MARK}now\">{REPORT_END}")).unwrap();
        assert_eq!(report_state(&path).as_deref(), Some("now"));
        delete_report(folder.path()).unwrap();
        assert!(!path.exists());
    }
}
