//! Opens the database for its owner: which journal, which schema, and whether it is this program's.

use std::ffi::CStr;
use std::path::Path;

use rusqlite::Connection;

use crate::db::application_id::{commit_marked, known_version, version_if_filled};
use crate::db::busy::{STEP, begin, until_free};
use crate::db::database::Database;
use crate::db::files::create_if_missing;
use crate::db::pool::{
    NO_LOCKS, READ_WRITE, configure, configure_write_ahead, connect, pool_of_one, pool_to_write,
};
use crate::db::schema::{CREATE, ROWS, SCHEMA_VERSION, is_empty, is_let_go, steps_from};
use crate::error::CacheError;
use crate::lock::file_system::FileSystem;
use crate::lock::owner_lock::OwnerLock;

/// Bytes. A table has a few hundred kilobytes: small pages only add frames to the log.
pub(crate) const PAGE_SIZE: u32 = 32_768;

/// How SQLite makes commits safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Journal {
    /// A write-ahead log beside the file: readers never wait.
    WriteAhead,
    /// A rollback journal under an exclusive lock, for file systems without shared memory between processes.
    Rollback,
}

/// A database, open for its owner.
pub(crate) struct Owned {
    pub(crate) database: Database,
    pub(crate) journal: Journal,
    /// Whether its deletion was cut short: it holds nothing any more.
    pub(crate) is_let_go: bool,
}

/// Opens the database of a lock's owner, and creates or upgrades it if needed.
pub(crate) fn open_to_write(lock: &OwnerLock, location: &Path) -> Result<Owned, CacheError> {
    create_if_missing(location)?;
    let (connection, journal) = connect_to_write(lock, location)?;
    let steps = match version_if_filled(location, &connection)? {
        None => vec![CREATE.to_owned(), ROWS.to_owned()],
        Some(version) => steps_from(version),
    };
    if !steps.is_empty() {
        change_schema(lock, location, &connection, &steps)?;
    }
    let is_let_go = is_let_go(&connection).map_err(|source| CacheError::sqlite(location, source))?;
    let connections = match journal {
        Journal::WriteAhead => pool_to_write(location)?,
        Journal::Rollback => pool_of_one(location, connection)?,
    };
    let database = Database::new(location, connections, SCHEMA_VERSION, None);
    Ok(Owned { database, journal, is_let_go })
}

fn change_schema(
    lock: &OwnerLock,
    location: &Path,
    connection: &Connection,
    steps: &[String],
) -> Result<(), CacheError> {
    let sqlite = |source| CacheError::sqlite(location, source);
    let transaction = begin(connection, location, lock.cancel())?;
    steps.iter().try_for_each(|sql| transaction.execute_batch(sql)).map_err(sqlite)?;
    lock.ownership().check()?;
    commit_marked(transaction).map_err(sqlite)
}

/// The owner's first connection, with the journal that the file system allows.
fn connect_to_write(lock: &OwnerLock, location: &Path) -> Result<(Connection, Journal), CacheError> {
    // On a file system without locks, the owner's lock file keeps other writers away and SQLite takes none. Its dot-file
    // locks would survive a killed process and keep the next run out.
    let vfs = if lock.record_locks_work() { None } else { Some(NO_LOCKS) };
    let kind = FileSystem::of(lock.output());
    let problem = if vfs.is_some() {
        "it has no locks".to_owned()
    } else if !kind.may_share_memory() {
        format!("it is not local ({})", kind.name())
    } else {
        match write_ahead(lock, location) {
            Ok(connection) => return Ok((connection, Journal::WriteAhead)),
            // Errors that have nothing to do with the file system.
            Err(
                error @ (CacheError::Full { .. }
                | CacheError::Damaged { .. }
                | CacheError::Locked { .. }
                | CacheError::Stopped
                | CacheError::UnknownSchema { .. }
                | CacheError::Foreign { .. }
                | CacheError::OfPandas { .. }),
            ) => return Err(error),
            Err(error) => error.to_string(),
        }
    };
    tracing::warn!(
        path = %location.display(), problem,
        "a write-ahead log does not work on this file system: using a rollback journal under an exclusive lock; the \
         cache cannot be read while this runs"
    );
    rollback(lock, location, vfs).map(|connection| (connection, Journal::Rollback))
}

fn write_ahead(lock: &OwnerLock, location: &Path) -> Result<Connection, CacheError> {
    let connection = connect(location, READ_WRITE)?;
    size_pages_or_check_version(lock, location, &connection)?;
    until_free(location, lock.cancel(), || probe_write_ahead(&connection))?;
    until_free(location, lock.cancel(), || configure_write_ahead(&connection))?;
    Ok(connection)
}

/// Sets the size of a new database's pages; refuses a database that is no cache of a known version.
fn size_pages_or_check_version(
    lock: &OwnerLock,
    location: &Path,
    connection: &Connection,
) -> Result<(), CacheError> {
    if until_free(location, lock.cancel(), || is_empty(connection))? {
        let set = connection.pragma_update(None, "page_size", PAGE_SIZE);
        return set.map_err(|source| CacheError::sqlite(location, source));
    }
    known_version(location, connection).map(drop)
}

/// The only connection to the database: it holds the exclusive lock from here on.
fn rollback(lock: &OwnerLock, location: &Path, vfs: Option<&CStr>) -> Result<Connection, CacheError> {
    let sqlite = |source| CacheError::sqlite(location, source);
    let connection = match vfs {
        None => Connection::open_with_flags(location, READ_WRITE),
        Some(vfs) => Connection::open_with_flags_and_vfs(location, READ_WRITE, vfs),
    };
    let connection = connection.map_err(sqlite)?;
    connection.busy_timeout(STEP).map_err(sqlite)?;
    // Before the first read: an existing log is then read without shared memory.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(sqlite)?;
    size_pages_or_check_version(lock, location, &connection)?;
    until_free(location, lock.cancel(), || {
        connection.pragma_update(None, "journal_mode", "TRUNCATE")?;
        configure(&connection)?;
        connection.execute_batch("BEGIN EXCLUSIVE; COMMIT")
    })?;
    Ok(connection)
}

/// Tries a real write: some network file systems accept the setting and fail at the first commit.
fn probe_write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        let error = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_SHMOPEN);
        return Err(rusqlite::Error::SqliteFailure(error, Some(format!("the journal mode stays {mode}"))));
    }
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    connection.pragma_update(None, "application_id", application)?;
    connection.execute_batch("COMMIT")
}
