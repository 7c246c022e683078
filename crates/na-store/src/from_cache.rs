//! An export of what a cache holds, without the run that filled it.

use std::collections::BTreeMap;
use std::path::Path;

use na_cache::{
    Cache, CacheStatus, Cancel, Claim, HolderName, OwnedCache, OwnerLock, PandasCache, RunRecord, TakenUnit,
    Writer,
};
use na_model::columns::AGE;
use na_model::{Compression, DEFAULT_ATLAS, ExportSettings, ListedSession, Listing, Session};

use crate::error::StoreError;
use crate::existing::ExistingStore;
use crate::export::{ExportReport, ExportRequest, export, finish_commit};
use crate::metadata::stored_metadata;
use crate::observer::ExportObserver;
use crate::withdrawals_told::WithdrawalsTold;

/// How to export what a cache holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheExport {
    /// The atlas, for a cache that does not say it.
    pub atlas_name: Option<String>,
    /// Whether the cache stays.
    pub keep_cache: bool,
    /// What it was told of those who withdrew: a store that knows of withdrawals is not written to without.
    pub withdrawals: WithdrawalsTold,
    /// The holder of a lock whom the user knows to be gone.
    pub take_over: Option<HolderName>,
}

/// Exports what the cache of an output folder holds, as the run that filled it would have.
///
/// # Errors
/// No cache; one of another atlas; a load that is running; all that [`export`] fails with.
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
    match status_until(output, &cancel) {
        Err(StoreError::Cache(error)) if error.leaves_the_export() => {}
        status => status?.map(drop).ok_or_else(no_cache)?,
    }
    let lock = OwnerLock::claim(output, &Claim { take_over: how.take_over.clone(), cancel })?;
    ExistingStore::open(output)?.check()?;
    if let Some(pandas) = PandasCache::open_existing(output)? {
        return take_over(&lock, pandas, how, observer);
    }
    if let Some(report) = finish_commit(&lock, observer)? {
        return Ok(report);
    }
    let cache = OwnedCache::open_or_create(&lock)?;
    let mut record = record(&cache, output, how.atlas_name.as_deref())?;
    how.withdrawals.check(output, record.n_listed_withdrawn)?;
    record.n_listed_withdrawn = how.withdrawals.n_listed();
    if record.fresh {
        return Err(StoreError::FreshLoad { output: output.to_owned() });
    }
    let outcomes = cache.outcomes()?;
    let request = ExportRequest { outcomes, keep_cache: how.keep_cache, ..ExportRequest::new(record) };
    let mut report = export(&lock, cache, &request, observer)?;
    report.notes.extend(lost);
    Ok(report)
}

/// Deletes the cache of a fresh load that has not come to its end: the store stays as it was before it.
///
/// # Errors
/// A cache that is of no such load, or whose commit has begun: that is finished instead. A load that is running; a file
/// that cannot be deleted.
pub fn discard_fresh_load(
    output: &Path,
    take_over: Option<HolderName>,
    observer: &dyn ExportObserver,
) -> Result<(), StoreError> {
    let lock = OwnerLock::claim(output, &Claim { take_over, cancel: observer.cancel() })?;
    let nothing = || StoreError::NothingToDiscard { output: output.to_owned() };
    if finish_commit(&lock, observer)?.is_some() {
        return Err(nothing());
    }
    match Cache::open_until(output, lock.cancel())?.map(|cache| cache.run_record()).transpose()?.flatten() {
        Some(record) if record.fresh => Ok(OwnedCache::open_or_create(&lock)?.remove()?),
        _ => Err(nothing()),
    }
}

/// Brings what a cache holds into the store, whoever filled it, so that a load can begin anew beside it.
///
/// # Errors
/// A cache that cannot be read; all that [`export`] fails with.
pub fn settle_cache(lock: &OwnerLock, observer: &dyn ExportObserver) -> Result<(), StoreError> {
    if let Some(pandas) = PandasCache::open_existing(lock.output())? {
        return take_over(lock, pandas, &CacheExport::default(), observer).map(drop);
    }
    let cache = OwnedCache::open_or_create(lock)?;
    if cache.units()?.is_empty() {
        return Ok(cache.remove()?);
    }
    let outcomes = cache.outcomes()?;
    let record = record(&cache, lock.output(), None)?;
    export(lock, cache, &ExportRequest { outcomes, ..ExportRequest::new(record) }, observer).map(drop)
}

/// What the cache of an output folder holds, also one that the pandas package left; none where there is none.
///
/// # Errors
/// A cache that cannot be read.
pub fn cache_status(output: &Path) -> Result<Option<CacheStatus>, StoreError> {
    status_until(output, &Cancel::never())
}

fn status_until(output: &Path, cancel: &Cancel) -> Result<Option<CacheStatus>, StoreError> {
    if let Some(pandas) = PandasCache::open_existing(output)? {
        return Ok(Some(pandas.status()?));
    }
    loop {
        let Some(cache) = Cache::open_until(output, cancel)? else { return Ok(None) };
        let status = cache.status();
        // Somebody began to write: from now on there are locks to read with.
        if cache.is_undisturbed() {
            return Ok(Some(status?));
        }
    }
}

/// Exports the complete sessions of a cache that the pandas package left, each row once. The cache is not changed, and
/// goes when all of them are verified. The next load reads their files again: this cache says nothing of them.
fn take_over(
    lock: &OwnerLock,
    pandas: PandasCache,
    how: &CacheExport,
    observer: &dyn ExportObserver,
) -> Result<ExportReport, StoreError> {
    let stored = ExistingStore::open(lock.output())?.settings()?.atlas_name;
    let atlas_name = match how.atlas_name.clone().or(stored) {
        Some(atlas_name) => Some(atlas_name),
        None => pandas.atlas_name()?,
    };
    let atlas_name =
        atlas_name.ok_or_else(|| StoreError::AtlasNotTold { location: Cache::path_in(lock.output()) })?;
    let cache = OwnedCache::create_beside(lock)?;
    let mut units = pandas.units()?;
    let (writer, sender) = Writer::start(&cache, |_| {})?;
    let mut ages: BTreeMap<Session, f64> = BTreeMap::new();
    for unit in &units.whole {
        match pandas.read(unit)? {
            Ok(TakenUnit { unit, age }) => {
                ages.extend(age.map(|age| (unit.unit.session.clone(), age)));
                sender.send(unit)?;
            }
            Err(problem) => units.left_out.push(problem),
        }
    }
    drop(sender);
    writer.finish()?;
    let mut record = record(&cache, lock.output(), Some(&atlas_name))?;
    let told = stored_metadata(lock.output())?.sessions;
    ages.retain(|session, _| !told.contains(session));
    if !ages.is_empty() {
        let row = |(session, age)| ListedSession { session, values: vec![Some(format!("{age:?}"))] };
        record.listing.columns = vec![AGE.to_owned()];
        record.listing.rows = ages.into_iter().map(row).collect();
    }
    record.n_listed_withdrawn = how.withdrawals.n_listed();
    let mut report = export(lock, cache, &ExportRequest::new(record), observer)?;
    if !how.keep_cache {
        pandas.remove(lock)?;
    }
    report.notes.extend(units.left_out.iter().map(|line| format!("left out of the old cache: {line}")));
    Ok(report)
}

/// What the run that filled the cache was asked to do.
pub(crate) fn record(
    cache: &Cache,
    output: &Path,
    atlas_name: Option<&str>,
) -> Result<RunRecord, StoreError> {
    if let Some(record) = cache.run_record()? {
        let cached = &record.settings.atlas_name;
        return match atlas_name.filter(|asked| asked != cached) {
            None => Ok(record),
            Some(asked) => {
                Err(StoreError::CacheOfOtherAtlas { cached: cached.clone(), asked: asked.to_owned() })
            }
        };
    }
    let stored = ExistingStore::open(output)?.settings()?;
    let atlas_name = atlas_name.map(str::to_owned).or(stored.atlas_name);
    let atlas_name = atlas_name.unwrap_or_else(|| DEFAULT_ATLAS.to_owned());
    let wide_metrics = stored.wide_metrics.unwrap_or_default();
    let settings = ExportSettings { atlas_name, wide_metrics, compression: Compression::default() };
    Ok(RunRecord::new(settings, Listing::default(), Vec::new()))
}
