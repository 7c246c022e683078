//! The deletion of a cache when everything in it is exported.

use rusqlite::config::DbConfig;

use crate::db::files::remove_files;
use crate::db::schema::setting;
use crate::error::CacheError;
use crate::write::owned_cache::OwnedCache;

impl OwnedCache<'_> {
    /// Deletes the cache with its parts and its log, once everything in it is elsewhere. If there are parts, the database
    /// first says that it holds nothing any more, and the parts go while it names them. Then the database is deleted,
    /// durably: a log alone is nothing, but a database without its log could be an older state.
    ///
    /// # Errors
    /// [`CacheError::LockLost`]; a file that cannot be deleted.
    pub fn remove(self) -> Result<(), CacheError> {
        let location = self.database().location().to_owned();
        self.lock().ownership().check()?;
        let parts = self.parts()?;
        if !parts.is_empty() {
            self.write(|transaction| {
                let sql = "INSERT OR REPLACE INTO settings VALUES (?1, '')";
                transaction.execute(sql, [setting::LET_GO]).map(drop)
            })?;
            self.delete_part_files(&parts)?;
        }
        // Closing would copy the log into the database.
        for connection in self.database().idle_connections() {
            let set = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
            set.map_err(|source| CacheError::sqlite(&location, source))?;
        }
        drop(self);
        remove_files(&location)
    }
}
