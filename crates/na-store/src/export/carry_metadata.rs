//! Keeps the metadata that an earlier session list gave to sessions that only the cache holds, before a new list
//! replaces it.

use foldhash::{HashSet, HashSetExt};
use na_cache::{Cache, OwnerLock};
use na_model::{Listing, Session};

use crate::error::StoreError;
use crate::format::file_changes::FileChanges;
use crate::tables::metadata::table::MetadataTable;

/// Writes to `metadata.parquet` what the cache's list says of cached sessions that `listing` does not name: the cache
/// keeps only the list of the last run.
///
/// # Errors
/// A cache or store that cannot be read or written.
pub fn keep_metadata(lock: &OwnerLock, cache: &Cache, listing: &Listing) -> Result<(), StoreError> {
    let Some(earlier) = cache.run_record()? else { return Ok(()) };
    let listed: HashSet<&Session> = match listing.columns.is_empty() {
        true => HashSet::new(),
        false => listing.rows.iter().map(|row| &row.session).collect(),
    };
    let units = cache.units()?.into_iter().map(|unit| unit.unit.session);
    let unlisted: HashSet<Session> = units.filter(|session| !listed.contains(session)).collect();
    let mut known = earlier.listing;
    known.left_out.extend(listing.left_out.iter().cloned());
    known.rows.retain(|row| unlisted.contains(&row.session));
    if known.columns.is_empty() || known.rows.is_empty() {
        return Ok(());
    }
    let old = MetadataTable::read(lock.output())?;
    let rows = known.rows.iter().map(|row| row.session.clone());
    let sessions = old.sessions.iter().cloned().chain(rows).collect();
    let changes = FileChanges::of(lock);
    let compression = earlier.settings.compression;
    MetadataTable::merge(old, &known, &sessions).write(lock.output(), &changes, compression)?;
    changes.sync()
}
