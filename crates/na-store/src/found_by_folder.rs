//! Sessions that no list ever named: of those, once neither folders nor anything in the store is left, there is nothing to
//! tell.
//!
//! They stand in a note of `sources.parquet`. A store that has no such note counts all as named.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use na_model::Session;

use crate::error::StoreError;
use crate::export::ExportRequest;
use crate::layout::SOURCES_FILE;
use crate::notes;
use crate::sessions_tsv;
use crate::table_file::TableFile;

/// The sessions that only folders named.
///
/// # Errors
/// A file that cannot be looked at. One that is damaged says nothing.
pub(crate) fn found_by_folder(output: &Path) -> Result<HashSet<Session>, StoreError> {
    let file = match TableFile::open(&output.join(SOURCES_FILE)) {
        Err(StoreError::Damaged { .. }) => None,
        file => file?,
    };
    let noted = file.as_ref().and_then(|file| file.note(notes::FOUND_BY_FOLDER));
    let found: Vec<(String, Option<String>)> =
        noted.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let found = found.into_iter();
    Ok(found.filter_map(|(subject, id)| Session::from_store(&subject, id.as_deref()).ok()).collect())
}

/// The sessions that lists named, of all that the store tells of.
///
/// # Errors
/// As [`found_by_folder`].
pub(crate) fn named_sessions(output: &Path) -> Result<HashSet<Session>, StoreError> {
    let found = found_by_folder(output)?;
    let told = sessions_tsv::units(output)?.into_iter().map(|unit| unit.session);
    Ok(told.filter(|session| !found.contains(session)).collect())
}

/// The note: those whom the store has or tells of, and whom neither an earlier list named nor this one.
///
/// # Errors
/// A note that cannot be written.
pub(crate) fn note(
    stored: &[Session],
    request: &ExportRequest,
    named: &HashSet<Session>,
) -> Result<String, StoreError> {
    let listing = &request.record.listing;
    let listed: HashSet<&Session> = listing.rows.iter().map(|row| &row.session).collect();
    let is_named = |session: &Session| {
        named.contains(session) || (!listing.found_by_folders && listed.contains(session))
    };
    let told = request.outcomes.iter().map(|outcome| &outcome.unit.session);
    let all: BTreeSet<&Session> = stored.iter().chain(told).chain(listed.iter().copied()).collect();
    let found = all.into_iter().filter(|session| !is_named(session));
    let found: Vec<(&str, Option<&str>)> =
        found.map(|session| (session.subject.as_str(), session.id_str())).collect();
    serde_json::to_string(&found).map_err(|error| StoreError::damaged(Path::new(SOURCES_FILE), error))
}
