//! A session list read for a store alone: for who merges segments, or asks what of the list is there.

use std::path::Path;
use std::sync::Arc;

use na_cache::Cache;
use na_model::Listing;
use na_store::ExistingStore;

use crate::error::PipelineError;
use crate::event::{Event, Observer};
use crate::files::roots::Roots;
use crate::run::steps::{looking_again, with_segments};
use crate::sessions::identity::identify;
use crate::sessions::list::options::SessionListOptions;
use crate::sessions::list::read_session_list;
use crate::sessions::stored_sessions::StoredSessions;
use crate::withdrawals::withdrawal_list::Withdrawn;

/// Reads a session list beside a store, without those who withdrew: codes that the store, its cache or its segments spell otherwise are
/// theirs. A list without sessions means every session that these have of its subjects. Where nothing is said of its columns, what the
/// runs were told counts that brought what is there.
///
/// # Errors
/// A list, store or cache that cannot be read.
pub fn read_listing(
    output: &Path,
    list: &Path,
    options: &SessionListOptions,
    withdrawn: &Withdrawn,
    observer: &dyn Observer,
) -> Result<Listing, PipelineError> {
    looking_again(observer, || {
        let store = Arc::new(ExistingStore::open(output)?);
        let own = match Cache::open_until(output, &observer.cancel()) {
            Err(error) if error.leaves_the_export() => None,
            own => own?,
        };
        let cache = with_segments(&store, own, None)?.map(Arc::new);
        let record = cache.as_deref().map(Cache::run_record).transpose()?.flatten();
        let recorded = match record.and_then(|record| record.list_read_as) {
            None => store.settings()?.list_read_as,
            recorded => recorded,
        };
        let recorded = recorded.filter(|_| *options == SessionListOptions::default());
        let recorded = recorded.and_then(|text| SessionListOptions::from_record(&text));
        if recorded.as_ref().is_some_and(|recorded| recorded != options) {
            observer.event(Event::Note(format!(
                "{} is read with the columns that the runs were told: --age-column and its like name others",
                list.display()
            )));
        }
        let options = recorded.as_ref().unwrap_or(options);
        let rows = read_session_list(list, options)?;
        let stored = StoredSessions::of(Some(&store), cache.as_ref())?;
        let has_files = |_: &_, _: &Path| false;
        let mut list = identify(rows, &Roots::default(), &has_files, &stored, &|| observer.should_stop());
        withdrawn.take_out_of(&mut list);
        let columns = stored.metadata_columns.iter();
        list.listing.left_out = columns.filter(|column| options.leaves_out(column)).cloned().collect();
        Ok(list.listing)
    })
}
