//! The deletion of a cache when everything in it is exported.

use rusqlite::config::DbConfig;

use crate::db::files::remove_files;
use crate::error::CacheError;
use crate::write::owned_cache::OwnedCache;

impl OwnedCache<'_> {
    /// Deletes the cache with its log, once everything in it is elsewhere. The database is deleted first and durably: a
    /// log alone is nothing, but a database without its log could be an older state.
    ///
    /// # Errors
    /// [`CacheError::LockLost`]; a file that cannot be deleted.
    pub fn remove(self) -> Result<(), CacheError> {
        let location = self.location().to_owned();
        self.lock().ownership().check()?;
        // Closing would copy the log into the database.
        for connection in self.database().idle_connections() {
            let set = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
            set.map_err(|source| CacheError::sqlite(&location, source))?;
        }
        drop(self);
        remove_files(&location)
    }
}
