//! The status of whichever cache an output folder has.

use std::path::Path;

use crate::cancel::Cancel;
use crate::error::CacheError;
use crate::legacy::pandas_cache::PandasCache;
use crate::read::cache::Cache;
use crate::read::status::CacheStatus;

/// What the cache of an output folder holds, whether of this program or of the pandas package. `None` if it does not
/// exist. `cancel` ends a wait for a program that holds it.
///
/// # Errors
/// [`CacheError::Stopped`]; a cache that cannot be read.
pub fn cache_status(output: &Path, cancel: &Cancel) -> Result<Option<CacheStatus>, CacheError> {
    if let Some(pandas) = PandasCache::open_until(output, cancel)? {
        return Ok(Some(pandas.status()?));
    }
    loop {
        let Some(cache) = Cache::open_until(output, cancel)? else { return Ok(None) };
        let status = cache.status();
        // Otherwise somebody began to write: from now on there are locks to read with.
        if cache.is_undisturbed() {
            return Ok(Some(status?));
        }
    }
}
