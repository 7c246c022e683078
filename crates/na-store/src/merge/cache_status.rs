//! What the cache of an output folder holds, whoever filled it.

use std::path::Path;

use na_cache::{Cache, CacheStatus, Cancel, PandasCache};

use crate::error::StoreError;

/// What the cache of an output folder holds, also one that the pandas package left. `None` if there is none.
///
/// # Errors
/// A cache that cannot be read.
pub fn cache_status(output: &Path) -> Result<Option<CacheStatus>, StoreError> {
    status_until(output, &Cancel::never())
}

pub(crate) fn status_until(output: &Path, cancel: &Cancel) -> Result<Option<CacheStatus>, StoreError> {
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
