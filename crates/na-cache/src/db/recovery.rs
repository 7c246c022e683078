//! Deleting a cache, once everything in it is elsewhere.

use std::fs;
use std::io;
use std::path::Path;

use rusqlite::config::DbConfig;

use crate::db::open::{files, remove_files, take_back};
use crate::error::CacheError;
use crate::lock::holder::Holder;
use crate::lock::lock_file::delete_set_aside;
use crate::lock::owner_lock::{Claim, OwnerLock};
use crate::read::cache::Cache;
use crate::write::owned_cache::BESIDE_FILE;
use crate::write::owned_cache::OwnedCache;

impl OwnedCache<'_> {
    /// Deletes the cache with its log. The database goes first and durably: a log without it is nothing, it without
    /// its log could be an older state.
    ///
    /// # Errors
    /// A file that cannot be deleted.
    pub fn remove(self) -> Result<(), CacheError> {
        let location = self.location().to_owned();
        self.lock().ownership().check()?;
        // Closing would copy the log into the file.
        for connection in self.idle_connections() {
            let set = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
            set.map_err(|source| CacheError::sqlite(&location, source))?;
        }
        drop(self);
        remove_files(&location)
    }
}

impl OwnerLock {
    /// Takes an output folder, which must exist.
    ///
    /// # Errors
    /// As [`OwnerLock::claim`].
    pub fn acquire(output: &Path) -> Result<Self, CacheError> {
        Self::claim(output, &Claim::default())
    }

    /// Takes an output folder, which must exist, and recovers its cache: clears what a power cut left of a deletion, and
    /// rolls back a commit that was cut short.
    ///
    /// # Errors
    /// [`CacheError::Busy`] while another process has it; [`CacheError::HeldElsewhere`] where nobody can tell from here
    /// whether the lock's holder is gone, and [`CacheError::OtherHolder`] if the claim names another;
    /// [`CacheError::Link`]; a folder that cannot be written to.
    pub fn claim(output: &Path, claim: &Claim) -> Result<Self, CacheError> {
        let lock = Self::take(output, claim, &Holder::this(output))?;
        strays(output)?;
        delete_set_aside(output)?;
        take_back(&lock);
        Ok(lock)
    }
}

/// Deletes what runs left that were cut short: a log whose database went, a cache that was made beside another's place, a
/// lock that was set aside.
///
/// # Errors
/// A file that cannot be deleted; a folder that cannot be listed.
pub(crate) fn strays(output: &Path) -> Result<(), CacheError> {
    let cache = Cache::path_in(output);
    let is_gone =
        |path: &Path| fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    if is_gone(&cache) && files(&cache).iter().any(|file| !is_gone(file)) {
        remove_files(&cache)?;
    }
    let beside = output.join(BESIDE_FILE);
    if files(&beside).iter().any(|file| !is_gone(file)) {
        remove_files(&beside)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::db::open::CACHE_FILE;
    use crate::lock::owner_lock::OwnerLock;
    use crate::read::cache::Cache;
    use crate::write::owned_cache::OwnedCache;

    #[test]
    fn whoever_takes_the_output_clears_what_a_power_cut_left_of_a_cache() {
        let output = tempfile::tempdir().unwrap();
        let left = [
            ".cache.db-wal",
            ".cache.db-shm",
            ".cache.db-journal",
            ".cache-taken-over.db",
            ".cache-taken-over.db-wal",
            ".cache.lock-left-host-17",
        ];
        left.iter().for_each(|name| std::fs::write(output.path().join(name), "health data").unwrap());
        drop(OwnerLock::acquire(output.path()).unwrap());
        assert_eq!(std::fs::read_dir(output.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_log_of_a_cache_that_is_there_stays() {
        let output = tempfile::tempdir().unwrap();
        let lock = OwnerLock::acquire(output.path()).unwrap();
        let cache = OwnedCache::open_or_create(&lock).unwrap();
        cache.write_outcomes(&[]).unwrap();
        let log = output.path().join(format!("{CACHE_FILE}-wal"));
        let bytes = std::fs::read(&log).unwrap();
        assert!(!bytes.is_empty());
        super::strays(output.path()).unwrap();
        assert!(std::fs::read(&log).unwrap() == bytes);
        drop(cache);
        assert!(Cache::open_existing(output.path()).unwrap().is_some());
    }
}
