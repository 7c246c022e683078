//! Connections to the database, single and in pools.

use std::ffi::CStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use r2d2::{ManageConnection, Pool, PooledConnection};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, OpenFlags};

use crate::db::busy::{PATIENCE, STEP};
use crate::error::CacheError;

pub(crate) const READ_ONLY: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);
pub(crate) const READ_WRITE: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// The VFS with which SQLite takes no locks.
pub(crate) const NO_LOCKS: &CStr = c"unix-none";

/// The log may hold 4 GiB, about 1,200 sessions of 20 tables, before it is copied into the database: most caches are
/// deleted before, and so are written once. After a crash the log is read again, 0.7 s a GiB.
const LOG_PAGES: u32 = 1 << 17;

/// Connections that are shared.
pub(crate) type Connections = Pool<ConnectionSource>;

/// A connection in use.
pub(crate) type InUse = PooledConnection<ConnectionSource>;

/// Where a pool's connections come from.
#[derive(Debug)]
pub(crate) enum ConnectionSource {
    /// Each is opened when it is needed.
    File(SqliteConnectionManager),
    /// The only connection, already open: no other would have its lock, or see the instant of its transaction.
    Open(Mutex<Option<Connection>>),
}

impl ManageConnection for ConnectionSource {
    type Connection = Connection;
    type Error = rusqlite::Error;

    fn connect(&self) -> rusqlite::Result<Connection> {
        match self {
            Self::File(manager) => manager.connect(),
            Self::Open(slot) => {
                let connection = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
                connection.ok_or_else(|| rusqlite::Error::InvalidPath("there is one connection".into()))
            }
        }
    }

    fn is_valid(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        connection.execute_batch("")
    }

    fn has_broken(&self, _: &mut Connection) -> bool {
        false
    }
}

/// A connection with SQLite's locks.
pub(crate) fn connect(location: &Path, flags: OpenFlags) -> Result<Connection, CacheError> {
    let sqlite = |source| CacheError::sqlite(location, source);
    let connection = Connection::open_with_flags(location, flags).map_err(sqlite)?;
    connection.busy_timeout(STEP).map_err(sqlite)?;
    Ok(connection)
}

/// A pool for reading with SQLite's locks.
pub(crate) fn pool_to_read(location: &Path) -> Result<Connections, CacheError> {
    let manager = SqliteConnectionManager::file(location).with_flags(READ_ONLY);
    let manager = manager.with_init(|connection| connection.busy_timeout(PATIENCE));
    pool(location, ConnectionSource::File(manager), 8)
}

/// A pool for the owner, with a write-ahead log.
pub(crate) fn pool_to_write(location: &Path) -> Result<Connections, CacheError> {
    let manager = SqliteConnectionManager::file(location).with_flags(READ_WRITE);
    let manager = manager.with_init(|connection| {
        // A writer waits where its transaction begins.
        connection.busy_timeout(STEP)?;
        configure_write_ahead(connection)
    });
    pool(location, ConnectionSource::File(manager), 4)
}

/// A pool of one connection.
pub(crate) fn pool_of_one(location: &Path, connection: Connection) -> Result<Connections, CacheError> {
    pool(location, ConnectionSource::Open(Mutex::new(Some(connection))), 1)
}

fn pool(location: &Path, source: ConnectionSource, size: u32) -> Result<Connections, CacheError> {
    Pool::builder()
        .max_size(size)
        .min_idle(Some(0))
        .max_lifetime(None)
        .idle_timeout(None)
        .test_on_check_out(false)
        .connection_timeout(PATIENCE)
        .build(source)
        .map_err(|source| CacheError::Pool { path: location.to_owned(), source })
}

pub(crate) fn configure_write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    configure(connection)
}

/// `FULL`: a commit that was acknowledged survives a power cut. With group commit it costs next to nothing.
pub(crate) fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)
}

/// A URI that promises SQLite that nobody changes the file.
pub(crate) fn immutable(location: &Path) -> String {
    let mut name = String::from(if location.is_absolute() { "file://" } else { "file:" });
    for byte in location.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' => name.push(char::from(*byte)),
            letter if letter.is_ascii_alphanumeric() => name.push(char::from(*letter)),
            other => {
                let _ = write!(name, "%{other:02X}");
            }
        }
    }
    name.push_str("?immutable=1");
    name
}
