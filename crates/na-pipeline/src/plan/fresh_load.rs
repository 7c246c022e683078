//! A fresh load (`--force`): everything is loaded as if there were no store, and replaces the whole store at the
//! commit. Until then the store stays as it was.

use foldhash::HashSet;
use na_cache::{Cache, CacheError, OwnedCache, OwnerLock, RunRecord, Segments};
use na_model::Session;
use na_store::{ExportObserver, check_fresh_load, finish_commit, settle_cache};

use crate::config::Config;
use crate::error::PipelineError;
use crate::inputs::listed_inputs::ListedInputs;
use crate::sessions::session_list::SessionList;

/// What a run adds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    /// The existing store.
    Stored,
    /// Nothing: the existing store is replaced at the commit.
    Anew,
}

impl Base {
    /// The store to add to.
    pub(crate) fn store<T>(self, store: &T) -> Option<&T> {
        (self == Self::Stored).then_some(store)
    }

    /// A run is fresh with `--force`, or if it goes on with a fresh load, as the cache's record says.
    pub(crate) fn of(config: &Config, begun: Option<&RunRecord>) -> Self {
        let goes_on = begun.is_some_and(|begun| begun.fresh);
        if config.force || goes_on { Self::Anew } else { Self::Stored }
    }
}

/// Makes room for a fresh load. What another load committed is brought into the store first: it stays if this one is
/// cut short.
///
/// # Errors
/// A cache that cannot be read, or brought into the store.
pub(crate) fn make_room(lock: &OwnerLock, observer: &dyn ExportObserver) -> Result<(), PipelineError> {
    let is_of_another = match Cache::open_until(lock.output(), lock.cancel()) {
        Ok(cache) => cache
            .map(|cache| cache.is_fresh())
            .transpose()?
            .map_or_else(|| has_segments(lock), |is_fresh| Ok(!is_fresh))?,
        Err(CacheError::OfPandas { .. }) => true,
        Err(error) => return Err(error.into()),
    };
    if !is_of_another {
        na_store::recover_parts(lock)?;
        return Ok(());
    }
    // What has left a part of the store leaves all of it first.
    match finish_commit(lock, observer)? {
        Some(_) if Cache::open_until(lock.output(), lock.cancel())?.is_none() => Ok(()),
        _ => Ok(settle_cache(lock, observer)?),
    }
}

/// Whether there are segments: they go with the store that is replaced, and count as part of it.
fn has_segments(lock: &OwnerLock) -> Result<bool, CacheError> {
    Ok(!Segments::list(lock.output())?.is_empty())
}

/// Whether a fresh load that was cut short is the one that a run asks for. One that is not is removed with `--force`.
///
/// # Errors
/// A fresh load of something else, and no `--force`; one of something else that has lost units after its commit began.
pub(crate) fn goes_on(
    config: &Config,
    inputs: &ListedInputs,
    lock: &OwnerLock,
    begun: &RunRecord,
    list: &SessionList,
    observer: &dyn ExportObserver,
) -> Result<bool, PipelineError> {
    match check_same(config, inputs, begun, list) {
        Ok(()) => Ok(true),
        Err(_) if config.force => {
            // What has replaced a part of the store replaces all of it first.
            if finish_commit(lock, observer)?.is_none() {
                check_fresh_load(&config.output, lock.cancel())?;
                OwnedCache::open_or_create(lock)?.remove()?;
            }
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Refuses a run that asks for something else than the fresh load that was cut short.
///
/// # Errors
/// [`PipelineError::FreshUnfinished`].
pub(crate) fn check_same(
    config: &Config,
    inputs: &ListedInputs,
    begun: &RunRecord,
    list: &SessionList,
) -> Result<(), PipelineError> {
    let codes = |rows: &[na_model::ListedSession]| -> HashSet<Session> {
        rows.iter().map(|row| row.session.clone()).collect()
    };
    let differs = [
        ("it is of another atlas than this run", begun.settings.atlas_name != config.atlas_name),
        ("it is of another choice of files than this run", begun.choices != config.choices()),
        ("it is of other modalities or inputs than this run", begun.kinds != inputs.kinds()),
        ("it is of other tissues or workflows than this run", begun.asked != inputs.asked()),
        ("this run is of chosen sessions alone", !config.labels.is_empty()),
        ("this run prunes or reads again", config.prune || config.prune_unlisted || config.reload),
        ("it is of other sessions than this run", codes(&begun.listing.rows) != codes(&list.listing.rows)),
    ];
    match differs.into_iter().find(|(_, differs)| *differs) {
        None => Ok(()),
        Some((difference, _)) => {
            Err(PipelineError::FreshUnfinished { output: config.output.clone(), difference })
        }
    }
}
