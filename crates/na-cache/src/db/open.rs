//! Opening `.cache.db`: which file, which journal, and whether it is ours.

use std::ffi::CStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, OpenFlags};

use crate::db::application_id::{commit_marked, is_own};
use crate::db::busy::{PATIENCE, STEP, begin, until_free};
use crate::db::pool::{Connections, Manager};
use crate::db::schema::{CREATE, SCHEMA_2, SCHEMA_VERSION, UPGRADE_2, is_pandas};
use crate::error::CacheError;
use crate::lock::file_system::FileSystem;
use crate::lock::lock_file::delete;
use crate::lock::owner_lock::OwnerLock;
use crate::read::cache::Cache;

/// The cache's name in the output folder.
pub const CACHE_FILE: &str = ".cache.db";

pub(crate) const READ_ONLY: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);
pub(crate) const READ_WRITE: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// SQLite's way to files without locks.
pub(crate) const NO_LOCKS: &CStr = c"unix-none";

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

/// A pool for the owner; the file is made where there is none.
pub(crate) fn read_write(lock: &OwnerLock, location: &Path) -> Result<(Connections, Journal), CacheError> {
    make_room(location)?;
    let (connection, journal) = connect_to_write(lock, location)?;
    let sqlite = |source| CacheError::sqlite(location, source);
    let version =
        if is_empty(&connection).map_err(sqlite)? { 0 } else { known_version(location, &connection)? };
    if version == 0 {
        let transaction = begin(&connection, location, lock.cancel())?;
        transaction.execute_batch(CREATE).map_err(sqlite)?;
        commit_marked(transaction).map_err(sqlite)?;
    } else if version == SCHEMA_2 {
        let transaction = begin(&connection, location, lock.cancel())?;
        transaction.execute_batch(UPGRADE_2).map_err(sqlite)?;
        commit_marked(transaction).map_err(sqlite)?;
    }
    let connections = match journal {
        Journal::WriteAhead => pool(location, READ_WRITE, 4)?,
        Journal::Rollback => Manager::Open(Mutex::new(Some(connection))).pool(location, 1, PATIENCE)?,
    };
    Ok((connections, journal))
}

/// The owner's first connection, with the journal that its file system allows.
fn connect_to_write(lock: &OwnerLock, location: &Path) -> Result<(Connection, Journal), CacheError> {
    // Our own lock keeps other writers away where the kernel keeps no locks: SQLite then does without. Its other way,
    // locks that are files, would leave one when the process is killed, and keep the next run out.
    let vfs = if lock.record_locks_work() { None } else { Some(NO_LOCKS) };
    let kind = FileSystem::of(lock.output());
    let problem = if vfs.is_some() {
        "it keeps no locks".to_owned()
    } else if !kind.may_share_memory() {
        format!("it is no local one ({})", kind.name())
    } else {
        match write_ahead(lock, location) {
            Ok(connection) => return Ok((connection, Journal::WriteAhead)),
            // These say nothing of the file system.
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
         cache cannot be looked at while this runs"
    );
    rollback(lock, location, vfs).map(|connection| (connection, Journal::Rollback))
}

fn write_ahead(lock: &OwnerLock, location: &Path) -> Result<Connection, CacheError> {
    let connection = connect(location, READ_WRITE)?;
    let is_new = until_free(location, lock.cancel(), || is_empty(&connection))?;
    if is_new {
        let set = connection.pragma_update(None, "page_size", PAGE_SIZE);
        set.map_err(|source| CacheError::sqlite(location, source))?;
    } else {
        known_version(location, &connection)?;
    }
    until_free(location, lock.cancel(), || probe_write_ahead(&connection))?;
    until_free(location, lock.cancel(), || configure_write_ahead(&connection))?;
    Ok(connection)
}

/// The only connection to a cache: it holds the lock from here on, and all there is to know of the file is its own.
fn rollback(lock: &OwnerLock, location: &Path, vfs: Option<&CStr>) -> Result<Connection, CacheError> {
    let sqlite = |source| CacheError::sqlite(location, source);
    let connection = match vfs {
        None => Connection::open_with_flags(location, READ_WRITE),
        Some(vfs) => Connection::open_with_flags_and_vfs(location, READ_WRITE, vfs),
    };
    let connection = connection.map_err(sqlite)?;
    connection.busy_timeout(STEP).map_err(sqlite)?;
    // Before the first read: a log that is there is then read without memory that processes share.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(sqlite)?;
    if until_free(location, lock.cancel(), || is_empty(&connection))? {
        connection.pragma_update(None, "page_size", PAGE_SIZE).map_err(sqlite)?;
    } else {
        known_version(location, &connection)?;
    }
    until_free(location, lock.cancel(), || {
        connection.pragma_update(None, "journal_mode", "TRUNCATE")?;
        configure(&connection)?;
        connection.execute_batch("BEGIN EXCLUSIVE; COMMIT")
    })?;
    Ok(connection)
}

/// Takes back a commit that was cut short. Who reads does that where locks work; without them nobody may but the owner,
/// before anybody reads.
pub(crate) fn take_back(lock: &OwnerLock) {
    let location = Cache::path_in(lock.output());
    let [_, _, _, journal] = files(&location);
    let is_cut_short = fs::metadata(journal).is_ok_and(|journal| journal.len() > 0);
    if !is_cut_short || lock.record_locks_work() {
        return;
    }
    let connection = Connection::open_with_flags_and_vfs(&location, READ_WRITE, NO_LOCKS);
    if let Err(error) = connection.and_then(|connection| is_empty(&connection)) {
        // Whoever opens the cache is told; a run that begins anew need not.
        tracing::debug!(path = %location.display(), %error, "a commit that was cut short is not taken back");
    }
}

/// Makes an empty file where there is none.
fn make_room(location: &Path) -> Result<(), CacheError> {
    match fs::symlink_metadata(location) {
        Ok(metadata) if metadata.is_symlink() => Err(CacheError::Link { path: location.to_owned() }),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            // A log without its database is what a deletion left that was cut short.
            remove_files(location)?;
            create_private(location)
        }
        Err(source) => Err(CacheError::io("look at", location, source)),
    }
}

/// A pool for reading with SQLite's locks.
pub(crate) fn pool_to_read(location: &Path) -> Result<Connections, CacheError> {
    pool(location, READ_ONLY, 8)
}

pub(crate) fn connect(location: &Path, flags: OpenFlags) -> Result<Connection, CacheError> {
    let sqlite = |source| CacheError::sqlite(location, source);
    let connection = Connection::open_with_flags(location, flags).map_err(sqlite)?;
    connection.busy_timeout(STEP).map_err(sqlite)?;
    Ok(connection)
}

fn pool(location: &Path, flags: OpenFlags, size: u32) -> Result<Connections, CacheError> {
    let writes = flags.contains(OpenFlags::SQLITE_OPEN_READ_WRITE);
    let manager = SqliteConnectionManager::file(location).with_flags(flags).with_init(move |connection| {
        if writes {
            // Who writes waits where a transaction begins.
            connection.busy_timeout(STEP)?;
            configure_write_ahead(connection)
        } else {
            connection.busy_timeout(PATIENCE)
        }
    });
    Manager::File(manager).pool(location, size, PATIENCE)
}

fn configure_write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    configure(connection)
}

/// `FULL`: a commit that was acknowledged survives a power cut. With group commit it costs next to nothing.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
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

pub(crate) fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// The schema, if it is one that this program reads, of a database that is its own.
pub(crate) fn known_version(location: &Path, connection: &Connection) -> Result<i64, CacheError> {
    let found = version(connection).map_err(|source| CacheError::sqlite(location, source))?;
    if [SCHEMA_2, SCHEMA_VERSION].contains(&found) {
        return match is_own(connection).map_err(|source| CacheError::sqlite(location, source))? {
            true => Ok(found),
            false => Err(CacheError::Foreign { path: location.to_owned() }),
        };
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
        delete(&path)?;
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
    use crate::db::busy::PATIENCE;
    use crate::error::CacheError;
    use crate::lock::owner_lock::OwnerLock;
    use crate::read::cache::Cache;
    use crate::write::owned_cache::OwnedCache;

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
            std::thread::sleep(PATIENCE + PATIENCE / 2);
            other.execute_batch("ROLLBACK").unwrap();
        });
        if let Ok(cache) = OwnedCache::open_or_create(&lock) {
            assert!(cache.readers_can_join());
        }
        goes_away.join().unwrap();
        assert!(OwnedCache::open_or_create(&lock).unwrap().readers_can_join());
    }
}
