//! Sessions that no list ever named: of those, once neither changes nor anything in the store is left, there is nothing to
//! tell.
//!
//! They stand in a note of `sources.parquet`. A store that has no such note counts all as named.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use na_model::Session;

use crate::error::StoreError;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::paths::SOURCES_FILE;

/// The sessions that only changes named.
///
/// # Errors
/// A file that cannot be looked at. One that is damaged says nothing.
pub(crate) fn found_by_folder(output: &Path) -> Result<HashSet<Session>, StoreError> {
    let file = match ParquetReader::open(&output.join(SOURCES_FILE)) {
        Err(StoreError::Damaged { .. }) => None,
        file => file?,
    };
    let noted = file.as_ref().and_then(|file| file.key_value(keys::FOUND_BY_FOLDER));
    let found: Vec<(String, Option<String>)> =
        noted.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let found = found.into_iter();
    Ok(found.filter_map(|(subject, id)| Session::from_store(&subject, id.as_deref()).ok()).collect())
}

/// The text of these sessions in `sources.parquet`, sorted.
///
/// # Errors
/// What JSON cannot hold.
pub(crate) fn to_text(found: &BTreeSet<&Session>) -> Result<String, StoreError> {
    let found: Vec<(&str, Option<&str>)> =
        found.iter().map(|session| (session.subject.as_str(), session.id_str())).collect();
    serde_json::to_string(&found).map_err(|error| StoreError::damaged(Path::new(SOURCES_FILE), error))
}
