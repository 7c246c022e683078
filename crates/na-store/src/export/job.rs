//! Runs an export, step by step: read, plan, write, verify, commit, delete the cache.
//!
//! If nothing leaves the store, each file is renamed when it is complete: the cache has what the other files lack, and
//! an export that is cut short is done again. If something leaves, all files are held back until every one is verified.
//! Then the cache records that the commit has begun, and only then the first file is renamed: from here on, the next
//! writer finishes the commit.

use na_cache::{Cache, CacheError, Commit, OwnedCache, OwnerLock, RunRecord, Segments};

use crate::error::StoreError;
use crate::export::destination::Destination;
use crate::export::holdings::Holdings;
use crate::export::observer::ExportObserver;
use crate::export::plan::{ExportPlan, PlannedTable};
use crate::export::request::{ExportReport, ExportRequest};
use crate::export::steps::ExportSteps;
use crate::format::file_changes::FileChanges;
use crate::merge::segments::{join_owned, joined_listing};
use crate::seal::recovery::{bring_back_parts, recover_parts};
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::paths::remove_temporaries_of_store;

/// Merges the cache into the store that the lock is for.
///
/// Each file is written under a temporary name, synced and renamed, then opened again and compared with what was to be
/// written: long tables before features are made from them. The manifest is written last and names the files, and only
/// then the segments go that the cache was opened with, and the cache, unless the request keeps it.
///
/// # Errors
/// A store of another atlas; another program's file where the store needs one ([`StoreError::Foreign`]); a file that does
/// not hold what was written ([`StoreError::NotVerified`]); [`StoreError::Stopped`]; anything that cannot be read or
/// written. The cache is kept: the next export begins anew, or finishes a commit that has begun.
pub fn export(
    lock: &OwnerLock,
    store: &ExistingStore,
    cache: OwnedCache<'_>,
    request: &ExportRequest,
    observer: &dyn ExportObserver,
) -> Result<ExportReport, StoreError> {
    let report = merge_and_commit(lock, store, &cache, request, observer)?;
    lock.ownership().check()?;
    cache.segments().delete()?;
    if !request.keep_cache {
        cache.remove()?;
    } else if request.takes_away() {
        cache.end_commit(&request.removals)?;
    }
    Ok(report)
}

/// Finishes the commit of an export that was cut short after its first rename. `None` if there is none: the temporary
/// files of an export that was cut short before are then deleted. Units of which sealed rows are lost leave the cache; a fresh load
/// that lacks them is not committed before it is loaded to its end again, and `None` is returned. Whoever writes to a store does
/// this first.
///
/// # Errors
/// A cache that cannot be read; everything that [`export`] fails with.
pub fn finish_commit(
    lock: &OwnerLock,
    observer: &dyn ExportObserver,
) -> Result<Option<ExportReport>, StoreError> {
    recover_parts(lock)?;
    finish_if_begun(lock, IncompleteFreshLoad::IsLoadedFirst, observer)
}

/// What becomes of a fresh load that lost units after its commit began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IncompleteFreshLoad {
    IsLoadedFirst,
    IsCommitted,
}

/// The same as [`finish_commit`], of a cache whose parts were just looked at.
pub(crate) fn finish_if_begun(
    lock: &OwnerLock,
    incomplete: IncompleteFreshLoad,
    observer: &dyn ExportObserver,
) -> Result<Option<ExportReport>, StoreError> {
    let begun = match Cache::open_until(lock.output(), lock.cancel()) {
        // The pandas package begins no commit.
        Ok(None) | Err(CacheError::OfPandas { .. }) => None,
        Ok(Some(cache)) => cache.commit_begun()?.zip(cache.run_record()?),
        Err(error) => return Err(error.into()),
    };
    let is_committed = |(commit, record): &(Commit, RunRecord)| {
        !(commit.lacks_units && record.fresh) || incomplete == IncompleteFreshLoad::IsCommitted
    };
    let Some((commit, record)) = begun.filter(is_committed) else {
        remove_temporaries_of_store(lock.output())?;
        return Ok(None);
    };
    let Commit { removals, keep_cache, lacks_units, segments } = commit;
    tracing::info!("finishing the commit that an earlier run began");
    if lacks_units {
        tracing::warn!(
            "sessions whose rows are gone are not in it: a load reads them again, as far as their files are there"
        );
    }
    let store = ExistingStore::open(lock.output())?;
    let own = OwnedCache::open_or_create(lock)?;
    let outcomes = own.outcomes()?;
    let segments = Segments::list(lock.output())?.among(&segments);
    let (cache, _) = join_owned(own, &store, segments, &record.listing, None)?;
    let record = RunRecord { listing: joined_listing(record.listing, &cache)?, ..record };
    let request = ExportRequest { outcomes, keep_cache, removals, ..ExportRequest::new(record) };
    export(lock, &store, cache, &request, observer).map(Some)
}

fn merge_and_commit(
    lock: &OwnerLock,
    store: &ExistingStore,
    cache: &OwnedCache<'_>,
    request: &ExportRequest,
    observer: &dyn ExportObserver,
) -> Result<ExportReport, StoreError> {
    // The same owner may have finished an earlier commit between its plan and this export.
    let reopened;
    let store = if store.is_unchanged()? {
        store
    } else {
        reopened = ExistingStore::open(lock.output())?;
        &reopened
    };
    store.check()?;
    remove_temporaries_of_store(store.output())?;
    let changes = FileChanges::of(lock);
    let changes = if request.takes_away() { changes.holding_back() } else { changes };
    let settings = &request.record.settings;
    let to = Destination { output: store.output(), changes: &changes, settings, observer };
    if request.keep_cache {
        bring_back_parts(cache)?;
    }
    let mut holdings = Holdings::read(store, cache, request)?;
    let plan = ExportPlan::of(&mut holdings, cache, request)?;
    plan.tables
        .iter()
        .flat_map(PlannedTable::paths)
        .try_for_each(|path| store.own_files().check_file(&path))?;
    ExportSteps { store, cache, request, to, holdings, plan }.run()
}
