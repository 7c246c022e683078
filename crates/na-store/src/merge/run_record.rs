//! The record of the run that filled a cache.

use na_cache::{Cache, RunRecord};
use na_model::{Compression, DEFAULT_ATLAS, ExportSettings, Listing};

use crate::error::StoreError;
use crate::tables::existing_store::store::ExistingStore;

/// Returns the cache's record, or one made of the settings with which the store was last written.
///
/// # Errors
/// Another atlas than the one asked for; a cache or store that cannot be read.
pub(crate) fn run_record(
    cache: &Cache,
    store: &ExistingStore,
    atlas_name: Option<&str>,
) -> Result<RunRecord, StoreError> {
    if let Some(mut record) = cache.run_record()? {
        if !record.is_of_its_atlas() {
            let of_store = store.atlas()?.or_else(|| atlas_name.map(str::to_owned));
            record.settings.atlas_name = of_store.unwrap_or(record.settings.atlas_name);
            return Ok(record);
        }
        let cached = &record.settings.atlas_name;
        return match atlas_name.filter(|asked| asked != cached) {
            None => Ok(record),
            Some(asked) => {
                Err(StoreError::CacheOfOtherAtlas { cached: cached.clone(), asked: asked.to_owned() })
            }
        };
    }
    let stored = store.settings()?;
    let atlas_name = atlas_name.map(str::to_owned).or(stored.atlas_name);
    let atlas_name = atlas_name.unwrap_or_else(|| DEFAULT_ATLAS.to_owned());
    let wide_metrics = stored.wide_metrics.unwrap_or_default();
    let settings = ExportSettings { atlas_name, wide_metrics, compression: Compression::default() };
    Ok(RunRecord::new(settings, Listing::default(), Vec::new()))
}
