//! Sessions that no list ever named: of those, once neither changes nor anything in the store is left, there is nothing to
//! tell.
//!
//! They stand in a note of `sources.parquet`. A store that has no such note counts all as named.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use na_cache::RunRecord;
use na_model::Session;

use crate::error::StoreError;
use crate::export::request::ExportRequest;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::paths::SOURCES_FILE;
use crate::tables::sessions_tsv;

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

/// The sessions that a list named: that of a run, or an earlier one. A fresh load knows no earlier list.
///
/// # Errors
/// As [`found_by_folder`].
pub(crate) fn named_sessions(output: &Path, record: &RunRecord) -> Result<HashSet<Session>, StoreError> {
    let mut named = HashSet::new();
    if !record.fresh {
        let found = found_by_folder(output)?;
        let told = sessions_tsv::units(output)?.into_iter().map(|unit| unit.session);
        named.extend(told.filter(|session| !found.contains(session)));
    }
    if !record.listing.found_by_folders {
        named.extend(record.listing.rows.iter().map(|row| row.session.clone()));
    }
    Ok(named)
}

/// The note: those whom the store has or tells of, and whom no list named.
///
/// # Errors
/// A note that cannot be written.
pub(crate) fn note(
    stored: &[Session],
    request: &ExportRequest,
    named: &HashSet<Session>,
) -> Result<String, StoreError> {
    let listed = request.record.listing.rows.iter().map(|row| &row.session);
    let told = request.outcomes.iter().map(|outcome| &outcome.unit.session);
    let all: BTreeSet<&Session> = stored.iter().chain(told).chain(listed).collect();
    let found = all.into_iter().filter(|session| !named.contains(*session));
    let found: Vec<(&str, Option<&str>)> =
        found.map(|session| (session.subject.as_str(), session.id_str())).collect();
    serde_json::to_string(&found).map_err(|error| StoreError::damaged(Path::new(SOURCES_FILE), error))
}
