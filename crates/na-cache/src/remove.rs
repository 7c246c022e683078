//! Deleting a cache, once everything in it is elsewhere.

use rusqlite::config::DbConfig;

use crate::open::remove_files;
use crate::{CacheError, OwnedCache};

impl OwnedCache<'_> {
    /// Deletes the cache with its log. The database goes first and durably: a log without it is nothing, it without
    /// its log could be an older state.
    ///
    /// # Errors
    /// A file that cannot be deleted.
    pub fn remove(self) -> Result<(), CacheError> {
        let location = self.location().to_owned();
        // Closing would copy the log into the file.
        for connection in self.idle_connections() {
            let set = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
            set.map_err(|source| CacheError::sqlite(&location, source))?;
        }
        drop(self);
        remove_files(&location)
    }
}
