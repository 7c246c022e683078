//! Exports a cache without the run that filled it.

use std::path::Path;

use na_cache::{Cache, Claim, HolderName, OwnedCache, OwnerLock, PandasCache, cache_status};
use na_model::Invocation;

use crate::error::StoreError;
use crate::export::fresh_load::check_fresh_load;
use crate::export::job::{IncompleteFreshLoad, export, finish_if_begun};
use crate::export::observer::ExportObserver;
use crate::export::pandas_cache::{PandasExport, take_over};
use crate::export::request::{ExportReport, ExportRequest};
use crate::merge::run_record::run_record;
use crate::seal::recovery::recover_parts;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::runs::RunEntry;
use crate::tables::withdrawals::WithdrawalsTold;

/// How to export a cache.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "plain data: what a name does not say is documented")]
pub struct CacheExport {
    /// Needed if neither the cache nor the store records the atlas.
    pub atlas_name: Option<String>,
    pub keep_cache: bool,
    /// A store with withdrawals is written to only by those who say who may not come back.
    pub withdrawals: WithdrawalsTold,
    /// A lock holder that the user knows to be gone: its lock is taken over.
    pub take_over: Option<HolderName>,
    /// For the manifest. `None` if nobody says how the export was called.
    pub invocation: Option<Invocation>,
}

/// Exports the cache of an output folder, as the run that filled it would have.
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
        status => status?.map(drop).ok_or_else(no_cache)?,
    }
    let lock = OwnerLock::claim(output, &Claim { take_over: how.take_over.clone(), cancel: cancel.clone() })?;
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
    let cache = OwnedCache::open_or_create(&lock)?;
    let mut record = run_record(&cache, &store, how.atlas_name.as_deref())?;
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
    let request = ExportRequest { keep_cache: how.keep_cache, run, ..request };
    let mut report = export(&lock, &store, cache, &request, observer)?;
    report.notes.extend(lost);
    Ok(report)
}
