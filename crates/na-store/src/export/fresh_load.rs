//! Prepares and discards a fresh load: one that begins anew beside a store.

use std::path::Path;

use na_cache::{Cache, Cancel, Claim, OwnedCache, OwnerLock, PandasCache};
use na_model::Listing;

use crate::error::StoreError;
use crate::export::job::{IncompleteFreshLoad, export, finish_if_begun};
use crate::export::observer::ExportObserver;
use crate::export::pandas_cache::{PandasExport, take_over};
use crate::export::request::ExportRequest;
use crate::merge::run_record::run_record;
use crate::merge::segments::join_all_segments;
use crate::seal::recovery::recover_parts;
use crate::tables::existing_store::store::ExistingStore;

/// Deletes the cache of an unfinished fresh load: the store stays as it was before that load.
///
/// # Errors
/// A cache of another load; one with a commit that has begun, which is finished instead, or has lost units
/// ([`StoreError::FreshLoadLacksUnits`]); a load that is running; a file that cannot be deleted.
pub fn discard_fresh_load(
    output: &Path,
    claim: &Claim,
    observer: &dyn ExportObserver,
) -> Result<(), StoreError> {
    let lock = OwnerLock::claim(output, &Claim { cancel: observer.cancel(), ..claim.clone() })?;
    let nothing = || StoreError::NothingToDiscard { output: output.to_owned() };
    recover_parts(&lock)?;
    check_fresh_load(output, lock.cancel())?;
    if finish_if_begun(&lock, IncompleteFreshLoad::IsLoadedFirst, observer)?.is_some() {
        return Err(nothing());
    }
    match Cache::open_until(output, lock.cancel())?.map(|cache| cache.is_fresh()).transpose()? {
        Some(true) => Ok(OwnedCache::open_or_create(&lock)?.remove()?),
        _ => Err(nothing()),
    }
}

/// Refuses a fresh load that lost units after its commit began: until they are loaded again, the store has files of both loads.
///
/// # Errors
/// [`StoreError::FreshLoadLacksUnits`]; a cache that cannot be read.
pub fn check_fresh_load(output: &Path, cancel: &Cancel) -> Result<(), StoreError> {
    let Some(cache) = Cache::open_until(output, cancel)? else { return Ok(()) };
    if cache.is_fresh()? && cache.commit_begun()?.is_some_and(|commit| commit.lacks_units) {
        return Err(StoreError::FreshLoadLacksUnits { output: output.to_owned() });
    }
    Ok(())
}

/// Exports whatever a cache and segments hold, so that a load can begin anew beside the store. Its parts were looked at
/// ([`recover_parts`](crate::recover_parts)).
///
/// # Errors
/// A cache that cannot be read; all that [`export`] fails with.
pub fn settle_cache(lock: &OwnerLock, observer: &dyn ExportObserver) -> Result<(), StoreError> {
    if let Some(pandas) = PandasCache::open_existing(lock.output())? {
        return take_over(lock, pandas, &PandasExport::default(), observer).map(drop);
    }
    let store = ExistingStore::open(lock.output())?;
    let own = OwnedCache::open_or_create(lock)?;
    let (cache, left_out) = join_all_segments(own, &store, &Listing::default(), None)?;
    if cache.units()?.is_empty() && !cache.has_segments() {
        return Ok(cache.remove()?);
    }
    let record = run_record(&cache, &store, None)?;
    let mut request = ExportRequest::of_cache(&store, &cache, record)?;
    left_out.tell(&mut request.outcomes);
    export(lock, &store, cache, &request, observer).map(drop)
}
