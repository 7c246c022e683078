//! An export of what a cache holds, without the run that filled it.

use std::path::Path;

use na_cache::{Cache, OwnedCache, OwnerLock, RunRecord};
use na_model::{Compression, DEFAULT_ATLAS, ExportSettings, Listing};

use crate::error::StoreError;
use crate::export::{ExportObserver, ExportReport, ExportRequest, export, store_atlas, store_wide_metrics};

/// How to export what a cache holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheExport {
    /// The atlas, for a cache that does not say it.
    pub atlas_name: Option<String>,
    /// Whether the cache stays.
    pub keep_cache: bool,
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
    let no_cache = || StoreError::NoCache { location: Cache::path_in(output) };
    Cache::open_existing(output)?.ok_or_else(no_cache)?;
    let lock = OwnerLock::acquire(output)?;
    let cache = OwnedCache::open_or_create(&lock)?;
    let record = record(&cache, output, how.atlas_name.as_deref())?;
    let request = ExportRequest { record, outcomes: cache.outcomes()?, keep_cache: how.keep_cache };
    export(&lock, Some(cache), &request, observer)
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
    let known = store_atlas(output)?;
    let atlas_name = atlas_name.map(str::to_owned).or(known).unwrap_or_else(|| DEFAULT_ATLAS.to_owned());
    let wide_metrics = store_wide_metrics(output)?.unwrap_or_default();
    let settings = ExportSettings { atlas_name, wide_metrics, compression: Compression::default() };
    Ok(RunRecord { settings, listing: Listing::default(), modalities: Vec::new() })
}
