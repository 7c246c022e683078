//! The sessions that a session list named, in this run or an earlier one.

use std::path::Path;

use foldhash::{HashSet, HashSetExt};
use na_cache::RunRecord;
use na_model::Session;

use crate::error::StoreError;
use crate::tables::found_by_folder::found_by_folder;
use crate::tables::sessions_tsv;

/// The sessions that the list of this run or of an earlier one named. A fresh load knows no earlier list.
///
/// # Errors
/// As [`found_by_folder`].
pub(crate) fn listed_sessions(output: &Path, record: &RunRecord) -> Result<HashSet<Session>, StoreError> {
    let mut named = HashSet::new();
    if !record.fresh {
        let found = found_by_folder(output)?;
        let reported = sessions_tsv::sessions(output)?.into_iter();
        named.extend(reported.filter(|session| !found.contains(session)));
    }
    named.extend(record.listing.named().cloned());
    Ok(named)
}
