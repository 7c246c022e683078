//! Deleting a cache, once everything in it is elsewhere.

use std::time::Duration;

use crate::open::{Journal, remove_files};
use crate::{CacheError, OwnedCache};

impl OwnedCache<'_> {
    /// Deletes the cache with its log. The database goes first and durably: a log without it is nothing, it without
    /// its log could be an older state.
    ///
    /// # Errors
    /// A file that cannot be deleted.
    pub fn remove(self) -> Result<(), CacheError> {
        let location = self.location().to_owned();
        if self.journal == Journal::WriteAhead {
            let connection = self.connection()?;
            // A reader may keep the log from being emptied: the deletion neither depends on it nor waits for it.
            connection
                .busy_timeout(Duration::ZERO)
                .map_err(|source| CacheError::sqlite(&location, source))?;
            if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
                tracing::debug!(%error, "the log is not emptied before it goes");
            }
        }
        drop(self);
        remove_files(&location)
    }
}
