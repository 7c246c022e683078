//! Exports a cache without the run that filled it.

use std::path::Path;

use na_cache::{Cache, Claim, OwnedCache, OwnerLock, PandasCache, Segments, cache_status};
use na_model::{Invocation, Listing};

use crate::error::StoreError;
use crate::export::fresh_load::check_fresh_load;
use crate::export::job::{IncompleteFreshLoad, export, finish_if_begun};
use crate::export::observer::ExportObserver;
use crate::export::pandas_cache::{PandasExport, take_over};
use crate::export::request::{ExportReport, ExportRequest};
use crate::merge::run_record::run_record;
use crate::merge::segments::{join_all_segments, joined_listing};
use crate::seal::recovery::recover_parts;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::runs::RunEntry;
use crate::tables::withdrawals::WithdrawalsTold;

/// How to export a cache.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "plain data: what a name does not say is documented")]
pub struct CacheExport {
    /// Needed if neither the cache nor the store records the atlas.
    pub atlas_name: Option<String>,
    pub keep_cache: bool,
    /// The session list. `None` for those of the runs that filled the cache and its segments.
    pub listing: Option<Listing>,
    /// A store with withdrawals is written to only by those who say who may not come back.
    pub withdrawals: WithdrawalsTold,
    /// How the output is taken; a stop is the observer's.
    pub claim: Claim,
    /// For the manifest. `None` if nobody says how the export was called.
    pub invocation: Option<Invocation>,
}

/// Exports the cache and the segments of an output folder, as the runs that filled them would have.
///
/// # Errors
/// No cache; a cache of another atlas; a load that is running; everything that [`export`] fails with.
pub fn export_cache(
    output: &Path,
    how: &CacheExport,
    observer: &dyn ExportObserver,
) -> Result<ExportReport, StoreError> {
    let store = ExistingStore::open(output)?;
    store.check_withdrawals(how.withdrawals)?;
    let lost = store.what_is_lost()?;
    let no_cache = || StoreError::NoCache { location: Cache::path_in(output) };
    let cancel = observer.cancel();
    match cache_status(output, &cancel) {
        Err(error) if error.leaves_the_export() => {}
        Ok(None) if !Segments::list(output)?.is_empty() => {}
        status => status?.map(drop).ok_or_else(no_cache)?,
    }
    let lock = OwnerLock::claim(output, &Claim { cancel: cancel.clone(), ..how.claim.clone() })?;
    let store = ExistingStore::open(output)?;
    store.check()?;
    Cache::check_file(output)?;
    if let Some(pandas) = PandasCache::open_existing(output)? {
        let how = PandasExport {
            atlas_name: how.atlas_name.clone(),
            keep_cache: how.keep_cache,
            n_listed_withdrawn: how.withdrawals.n_listed(),
        };
        return take_over(&lock, pandas, &how, observer);
    }
    let forgotten = recover_parts(&lock)?;
    check_fresh_load(output, &cancel)?;
    if !forgotten.is_empty() {
        return Err(StoreError::SealedRowsLost { output: output.to_owned(), n_units: forgotten.len() });
    }
    if let Some(report) = finish_if_begun(&lock, IncompleteFreshLoad::IsLoadedFirst, observer)? {
        return Ok(report);
    }
    let own = OwnedCache::open_or_create(&lock)?;
    let (cache, left_out) =
        join_all_segments(own, &store, how.listing.as_ref().unwrap_or(&Listing::default()))?;
    if let (Some(refused), false) = (left_out.segments.first(), cache.has_segments())
        && cache.run_record()?.is_none()
    {
        // It was made for the export alone.
        cache.remove()?;
        return Err(StoreError::SegmentsRefused { output: output.to_owned(), why: refused.why.clone() });
    }
    let mut record = run_record(&cache, &store, how.atlas_name.as_deref())?;
    if let Some(listing) = &how.listing {
        record.listing = joined_listing(listing.clone(), &cache)?;
    }
    how.withdrawals.check(output, record.n_listed_withdrawn)?;
    record.n_listed_withdrawn = how.withdrawals.n_listed();
    if record.fresh {
        return Err(StoreError::FreshLoad { output: output.to_owned() });
    }
    let run = how.invocation.clone().map(|invocation| {
        let roots = record.roots.clone();
        RunEntry { invocation, roots, counts: None }
    });
    let request = ExportRequest::of_cache(&store, &cache, record)?;
    let mut request = ExportRequest { keep_cache: how.keep_cache, run, ..request };
    left_out.tell(&mut request.outcomes);
    let mut report = export(&lock, &store, cache, &request, observer)?;
    report.notes.extend(lost);
    report.left_out = left_out;
    Ok(report)
}
