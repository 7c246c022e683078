//! Deletes a cache that is no longer wanted.

use std::path::Path;

use na_cache::{Cache, OwnedCache, OwnerLock};

use crate::error::StoreError;

/// Deletes the cache with everything that was committed to it and not exported. There is no way back.
///
/// # Errors
/// A load that is running; a cache of the pandas package, or one that cannot be read; a file that cannot be deleted.
pub fn clear_cache(output: &Path) -> Result<(), StoreError> {
    let lock = OwnerLock::acquire(output)?;
    if Cache::open_existing(output)?.is_some() {
        OwnedCache::open_or_create(&lock)?.remove()?;
    }
    Ok(())
}
