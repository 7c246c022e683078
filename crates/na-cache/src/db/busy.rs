//! Waiting for another program that holds the database, with an ear to cancellation.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use crate::cancel::Cancel;
use crate::error::CacheError;

/// How long another program may hold the database.
pub(crate) const PATIENCE: Duration =
    if cfg!(test) { Duration::from_millis(200) } else { Duration::from_secs(30) };

/// How long SQLite waits by itself. Nothing can cancel that.
pub(crate) const STEP: Duration = Duration::from_millis(50);

/// Repeats an attempt until the database is free.
///
/// # Errors
/// [`CacheError::Stopped`] if cancelled; [`CacheError::Locked`] when [`PATIENCE`] is over; any other error of the attempt.
pub(crate) fn until_free<T>(
    location: &Path,
    cancel: &Cancel,
    mut attempt: impl FnMut() -> rusqlite::Result<T>,
) -> Result<T, CacheError> {
    let began = Instant::now();
    loop {
        match attempt() {
            Err(error) if is_busy(&error) && began.elapsed() < PATIENCE => pause(cancel)?,
            result => return result.map_err(|source| CacheError::sqlite(location, source)),
        }
    }
}

/// Waits a little before the next attempt: SQLite does not always wait by itself.
pub(crate) fn pause(cancel: &Cancel) -> Result<(), CacheError> {
    if cancel.is_asked() {
        return Err(CacheError::Stopped);
    }
    std::thread::sleep(STEP / 10);
    Ok(())
}

pub(crate) fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

/// Begins a transaction that may write: the only point where a writer waits.
pub(crate) fn begin<'c>(
    connection: &'c Connection,
    location: &Path,
    cancel: &Cancel,
) -> Result<Transaction<'c>, CacheError> {
    until_free(location, cancel, || Transaction::new_unchecked(connection, TransactionBehavior::Immediate))
}
