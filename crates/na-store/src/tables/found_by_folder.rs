//! Sessions that no list ever named. Once the store has nothing more of one, `sessions.tsv` does not tell of it.
//!
//! They stand under a key of `sources.parquet`. In a store without that key, all sessions count as named.

use std::collections::BTreeSet;
use std::path::Path;

use foldhash::{HashSet, HashSetExt};
use na_model::Session;

use crate::error::StoreError;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::paths::SOURCES_FILE;

/// The sessions of the store that no list named; none if `sources.parquet` is missing or damaged.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn found_by_folder(output: &Path) -> Result<HashSet<Session>, StoreError> {
    match recorded(&output.join(SOURCES_FILE)) {
        // Then all count as named, as in a store without the key.
        Err(StoreError::Damaged { .. }) => Ok(HashSet::new()),
        found => found,
    }
}

fn recorded(path: &Path) -> Result<HashSet<Session>, StoreError> {
    let file = ParquetReader::open(path)?;
    let Some(text) = file.as_ref().and_then(|file| file.key_value(keys::FOUND_BY_FOLDER)) else {
        return Ok(HashSet::new());
    };
    let found: Vec<(String, Option<String>)> =
        serde_json::from_str(text).map_err(|error| StoreError::damaged(path, error))?;
    let sessions = found.into_iter().map(|(subject, id)| Session::from_store(&subject, id.as_deref()));
    sessions.collect::<Result<_, _>>().map_err(|error| StoreError::damaged(path, error))
}

/// The JSON of these sessions for `sources.parquet`, by subject and session.
///
/// # Errors
/// If JSON cannot hold it.
pub(crate) fn to_text(found: &BTreeSet<&Session>) -> Result<String, StoreError> {
    let found: Vec<(&str, Option<&str>)> =
        found.iter().map(|session| (session.subject.as_str(), session.id_str())).collect();
    serde_json::to_string(&found).map_err(|error| StoreError::damaged(Path::new(SOURCES_FILE), error))
}
