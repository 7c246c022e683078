//! A session list read for a store alone: for who merges segments, or asks what of the list is there.

use std::path::Path;
use std::sync::Arc;

use na_cache::Cache;
use na_model::Listing;
use na_store::ExistingStore;

use crate::error::PipelineError;
use crate::event::Observer;
use crate::files::roots::Roots;
use crate::run::steps::with_segments;
use crate::sessions::identity::identify;
use crate::sessions::list::options::SessionListOptions;
use crate::sessions::list::read_session_list;
use crate::sessions::stored_sessions::StoredSessions;

/// Reads a session list beside a store: codes that the store, its cache or its segments spell otherwise are theirs. A list without
/// sessions means every session that these have of its subjects.
///
/// # Errors
/// A list, store or cache that cannot be read.
pub fn read_listing(
    output: &Path,
    list: &Path,
    options: &SessionListOptions,
    observer: &dyn Observer,
) -> Result<Listing, PipelineError> {
    let rows = read_session_list(list, options)?;
    let store = Arc::new(ExistingStore::open(output)?);
    let own = match Cache::open_until(output, &observer.cancel()) {
        Err(error) if error.leaves_the_export() => None,
        own => own?,
    };
    let cache = with_segments(&store, own)?.map(Arc::new);
    let stored = StoredSessions::of(Some(&store), cache.as_ref())?;
    let has_files = |_: &_, _: &Path| false;
    let mut list = identify(rows, &Roots::default(), &has_files, &stored, &|| observer.should_stop());
    let columns = stored.metadata_columns.iter();
    list.listing.left_out = columns.filter(|column| options.leaves_out(column)).cloned().collect();
    Ok(list.listing)
}
