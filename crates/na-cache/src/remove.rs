//! Deleting a cache, once everything in it is elsewhere.

use std::fs::{self, File};
use std::io;
use std::time::Duration;

use crate::open::{Journal, files};
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
        let output = self.lock.output().to_owned();
        drop(self);
        let sync = || File::open(&output)?.sync_all();
        for (place, path) in files(&location).into_iter().enumerate() {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(CacheError::io("delete", &path, error));
                }
                _ => {}
            }
            if place == 0 {
                sync().map_err(|source| CacheError::io("sync", &output, source))?;
            }
        }
        sync().map_err(|source| CacheError::io("sync", &output, source))
    }
}
