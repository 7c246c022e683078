//! The JSON beside a session list, which says what its columns are: of the list's own name, and `participants.json` (BIDS).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::files::fingerprint::read_with_fingerprint;
use crate::parse::json::parse_json;
use crate::unit_error::UnitError;

/// One that is there.
pub(super) struct JsonBeside {
    pub(super) path: PathBuf,
    /// What it says of each column.
    pub(super) said: Result<Value, UnitError>,
    /// Whether the user was told that it cannot be read.
    pub(super) is_told: bool,
}

/// Reads those that are there, the first that says something counts: `visits.json` for `visits.tsv` and `visits.tsv.gz`,
/// then `participants.json`.
pub(super) fn read_beside(list: &Path) -> Vec<JsonBeside> {
    let read = |path: PathBuf| {
        let said = read_json(&path).transpose()?;
        Some(JsonBeside { path, said, is_told: false })
    };
    files_beside(list).into_iter().filter_map(read).collect()
}

fn files_beside(list: &Path) -> Vec<PathBuf> {
    let is_compressed = list.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
    let plain = if is_compressed { list.with_extension("") } else { list.to_owned() };
    let mut files = vec![plain.with_extension("json"), list.with_file_name("participants.json")];
    // Of `participants.tsv` they are one file.
    files.dedup();
    files
}

/// What a JSON says of each column. `None` if it does not exist.
///
/// # Errors
/// A file that cannot be read, or is no JSON object.
fn read_json(path: &Path) -> Result<Option<Value>, UnitError> {
    match fs::symlink_metadata(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        _ => {}
    }
    let (bytes, _) = read_with_fingerprint(path)?;
    parse_json(path, &bytes).map(Some)
}

/// The value under a key, exactly as written or else in another case.
pub(super) fn in_any_case<'j>(keys: &'j Value, key: &str) -> Option<&'j Value> {
    let any_case = || {
        let keys = keys.as_object()?.iter();
        keys.filter(|(name, _)| name.to_lowercase() == key.to_lowercase()).map(|(_, value)| value).next()
    };
    keys.get(key).or_else(any_case)
}
