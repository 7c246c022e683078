//! Opening `.cache.db`: which file, which journal, and whether it is ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::CacheError;
use crate::connections::{Connections, Manager};
use crate::schema::{CREATE, SCHEMA_2, SCHEMA_VERSION, UPGRADE_2, is_pandas};

/// The cache's name in the output folder.
pub const CACHE_FILE: &str = ".cache.db";

/// A reader waits so long for a checkpoint, a writer for another program's transaction.
const BUSY: Duration = if cfg!(test) { Duration::from_millis(200) } else { Duration::from_secs(30) };

const READ_ONLY: OpenFlags = OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);
const READ_WRITE: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// Bytes. A table is a few hundred kilobytes: small pages only add frames to the log.
const PAGE_SIZE: u32 = 32_768;

/// The log may hold 4 GiB, about 1,200 sessions of 20 tables, before it is copied into the file: most caches are deleted
/// before, and are written once. After a crash it is read again, 0.7 s a GiB.
const LOG_PAGES: u32 = 1 << 17;

/// How SQLite makes commits safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Journal {
    /// A write-ahead log beside the file: readers never wait.
    WriteAhead,
    /// A rollback journal under an exclusive lock, for file systems without shared memory between processes.
    Rollback,
}

/// The files of a cache: itself, the write-ahead log, its index, the rollback journal.
pub(crate) fn files(location: &Path) -> [PathBuf; 4] {
    ["", "-wal", "-shm", "-journal"].map(|ending| {
        let mut path = location.as_os_str().to_owned();
        path.push(ending);
        PathBuf::from(path)
    })
}

/// A pool for reading; none where the owner has not made the tables yet. Reading changes nothing, not even the log.
pub(crate) fn read_only(location: &Path) -> Result<Option<(Connections, i64)>, CacheError> {
    let connection = connect_to_read(location)?;
    if is_empty(&connection).map_err(|source| CacheError::sqlite(location, source))? {
        return Ok(None);
    }
    let version = known_version(location, &connection)?;
    drop(connection);
    Ok(Some((pool(location, READ_ONLY, Journal::WriteAhead, 8)?, version)))
}

/// A single connection in a transaction that began when this returns: all it reads is of that instant. None where the
/// owner has not made the tables yet.
pub(crate) fn read_only_at_once(location: &Path) -> Result<Option<(Connections, i64)>, CacheError> {
    let sqlite = |source| CacheError::sqlite(location, source);
    let connection = connect_to_read(location)?;
    connection.execute_batch("BEGIN").map_err(sqlite)?;
    // The first read is what fixes the instant.
    if is_empty(&connection).map_err(sqlite)? {
        return Ok(None);
    }
    let version = known_version(location, &connection)?;
    let pool = Manager::Snapshot(Mutex::new(Some(connection))).pool(location, 1, BUSY)?;
    Ok(Some((pool, version)))
}

/// A pool for the owner; the file is made where there is none.
pub(crate) fn read_write(location: &Path) -> Result<(Connections, Journal), CacheError> {
    let sqlite = |source| CacheError::sqlite(location, source);
    if !location.exists() {
        // A log without its database is what a deletion left that was cut short.
        remove_files(location)?;
        create_private(location)?;
    }
    let flags = READ_WRITE;
    let mut connection = connect(location, flags)?;
    let empty = is_empty(&connection).map_err(sqlite)?;
    if empty {
        connection.pragma_update(None, "page_size", PAGE_SIZE).map_err(sqlite)?;
    }
    let version = if empty { 0 } else { known_version(location, &connection)? };
    let journal = match probe_write_ahead(&connection) {
        Ok(()) => Journal::WriteAhead,
        // These say nothing of the file system.
        Err(error)
            if matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy)) =>
        {
            return Err(sqlite(error));
        }
        Err(error) => {
            tracing::warn!(
                path = %location.display(), %error,
                "a write-ahead log does not work on this file system: using a rollback journal under an exclusive \
                 lock; the cache cannot be looked at while this runs"
            );
            drop(connection);
            connection = connect(location, flags)?;
            configure(&connection, Journal::Rollback).map_err(sqlite)?;
            Journal::Rollback
        }
    };
    configure(&connection, journal).map_err(sqlite)?;
    if empty {
        let transaction = connection.transaction().map_err(sqlite)?;
        transaction.execute_batch(CREATE).map_err(sqlite)?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(sqlite)?;
        transaction.commit().map_err(sqlite)?;
    } else if version == SCHEMA_2 {
        upgrade(&mut connection).map_err(sqlite)?;
    }
    drop(connection);
    let size = if journal == Journal::WriteAhead { 4 } else { 1 };
    Ok((pool(location, flags, journal, size)?, journal))
}

/// A connection that only reads. Where a power cut left a rollback journal, nobody can read before it is rolled back: a
/// connection that may write does that first.
pub(crate) fn connect_to_read(location: &Path) -> Result<Connection, CacheError> {
    let sqlite = |source| CacheError::sqlite(location, source);
    let connection = connect(location, READ_ONLY)?;
    match is_empty(&connection) {
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ReadOnly) => {
            is_empty(&connect(location, READ_WRITE)?).map_err(sqlite)?;
            connect(location, READ_ONLY)
        }
        _ => Ok(connection),
    }
}

fn connect(location: &Path, flags: OpenFlags) -> Result<Connection, CacheError> {
    let sqlite = |source| CacheError::sqlite(location, source);
    let connection = Connection::open_with_flags(location, flags).map_err(sqlite)?;
    connection.busy_timeout(BUSY).map_err(sqlite)?;
    Ok(connection)
}

fn pool(location: &Path, flags: OpenFlags, journal: Journal, size: u32) -> Result<Connections, CacheError> {
    let writes = flags.contains(OpenFlags::SQLITE_OPEN_READ_WRITE);
    let manager = SqliteConnectionManager::file(location).with_flags(flags).with_init(move |connection| {
        connection.busy_timeout(BUSY)?;
        if writes { configure(connection, journal) } else { Ok(()) }
    });
    Manager::File(manager).pool(location, size, BUSY)
}

/// `FULL`: a commit that was acknowledged survives a power cut. With group commit it costs next to nothing.
fn configure(connection: &Connection, journal: Journal) -> rusqlite::Result<()> {
    match journal {
        Journal::WriteAhead => {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        }
        Journal::Rollback => {
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
            connection.pragma_update(None, "journal_mode", "TRUNCATE")?;
        }
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)
}

/// A real write: some network file systems take the setting and fail at the first commit.
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

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// All or nothing: a cache whose upgrade is cut short is one of the version before.
fn upgrade(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(UPGRADE_2)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()
}

/// The schema, if it is one that this program reads.
fn known_version(location: &Path, connection: &Connection) -> Result<i64, CacheError> {
    let found = version(connection).map_err(|source| CacheError::sqlite(location, source))?;
    if [SCHEMA_2, SCHEMA_VERSION].contains(&found) {
        return Ok(found);
    }
    if found == 0 && is_pandas(connection).map_err(|source| CacheError::sqlite(location, source))? {
        return Err(CacheError::OfPandas { path: location.to_owned() });
    }
    Err(CacheError::UnknownSchema { path: location.to_owned(), found, known: SCHEMA_VERSION })
}

/// Deletes a database with its log, the database first and durably: a log without it is nothing, it without its log
/// could be an older state.
pub(crate) fn remove_files(location: &Path) -> Result<(), CacheError> {
    let folder = location.parent().unwrap_or(Path::new("."));
    let sync = || {
        let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| CacheError::io("sync", folder, source))
    };
    for (place, path) in files(location).into_iter().enumerate() {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(CacheError::io("delete", &path, error));
            }
            _ => {}
        }
        if place == 0 {
            sync()?;
        }
    }
    sync()
}

/// Brain measures are health data: SQLite gives the log and its index the mode of the file.
fn create_private(location: &Path) -> Result<(), CacheError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(location).map(drop).map_err(|source| CacheError::io("create", location, source))
}

#[cfg(test)]
mod tests {
    use super::BUSY;
    use crate::{Cache, CacheError, OwnedCache, OwnerLock};

    #[test]
    fn a_cache_that_another_program_locks_is_an_error_and_keeps_its_journal() {
        let output = tempfile::tempdir().unwrap();
        let lock = OwnerLock::acquire(output.path()).unwrap();
        drop(OwnedCache::open_or_create(&lock).unwrap());
        let other = rusqlite::Connection::open(Cache::path_in(output.path())).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let error = OwnedCache::open_or_create(&lock).unwrap_err();
        assert!(matches!(error, CacheError::Locked { .. }), "{error}");
        // One that goes away meanwhile: whoever waited long enough for it has the log, and never a journal instead.
        let goes_away = std::thread::spawn(move || {
            std::thread::sleep(BUSY + BUSY / 2);
            other.execute_batch("ROLLBACK").unwrap();
        });
        if let Ok(cache) = OwnedCache::open_or_create(&lock) {
            assert!(cache.readers_can_join());
        }
        goes_away.join().unwrap();
        assert!(OwnedCache::open_or_create(&lock).unwrap().readers_can_join());
    }
}
