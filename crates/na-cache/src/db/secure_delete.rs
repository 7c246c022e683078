//! Deletion that leaves no byte of what was deleted in the database's files.

use rusqlite::Connection;

/// Makes SQLite overwrite what this connection deletes.
pub(crate) fn overwrite_deleted(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "secure_delete", true)
}

/// Writes the database anew without its free space, and empties the log.
pub(crate) fn leave_no_trace(connection: &Connection) -> rusqlite::Result<()> {
    overwrite_deleted(connection)?;
    connection.execute_batch("VACUUM")?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}
