//! How a reader gets at a cache: with SQLite's locks where they work, without them where nobody can be writing.
//!
//! A reader changes nothing and makes no files where it may not. What keeps it from the cache and leaves what is
//! exported ([`CacheError::leaves_the_export`]) is told apart from what is wrong with the cache.

use std::fmt::Write;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};
use rustix::fs::Access;

use crate::cancel::Cancel;
use crate::db::busy::{PATIENCE, is_busy, pause};
use crate::db::open::{
    NO_LOCKS, READ_ONLY, READ_WRITE, connect, files, is_empty, known_version, pool_to_read,
};
use crate::db::pool::{Connections, Manager};
use crate::error::CacheError;
use crate::lock::file_system::FileSystem;
use crate::lock::lock_file::record_locks_work;
use crate::lock::owner_lock::nobody_else_writes;

/// Where a load holds the cache until it ends, waiting for it is of no use: other programs let go sooner.
const PATIENCE_WITH_LOADS: Duration = Duration::from_secs(1);

/// A cache that is open for reading.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) connections: Connections,
    pub(crate) version: i64,
    pub(crate) rest: Option<Rest>,
}

/// The files of a cache that is read without locks, as they were when that began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rest {
    location: PathBuf,
    files: Vec<Option<(u64, Option<SystemTime>)>>,
}

impl Rest {
    fn of(location: &Path) -> Self {
        let look = |path: PathBuf| fs::metadata(path).ok().map(|file| (file.len(), file.modified().ok()));
        Self { location: location.to_owned(), files: files(location).map(look).into() }
    }

    /// Whether nobody wrote since.
    pub(crate) fn is_undisturbed(&self) -> bool {
        Self::of(&self.location) == *self
    }
}

/// A pool for reading; none where the owner has not made the tables yet. Reading changes nothing, not even the log.
pub(crate) fn read_only(location: &Path, cancel: &Cancel) -> Result<Option<Opened>, CacheError> {
    let (connection, rest) = connect_to_read(location, cancel)?;
    let Some(version) = version_of(location, &connection)? else { return Ok(None) };
    let connections = match rest {
        Some(_) => alone(location, connection)?,
        None => pool_to_read(location)?,
    };
    Ok(Some(Opened { connections, version, rest }))
}

/// A single connection in a transaction that began when this returns: all it reads is of that instant. None where the
/// owner has not made the tables yet.
pub(crate) fn read_only_at_once(location: &Path) -> Result<Option<Opened>, CacheError> {
    let (connection, rest) = connect_to_read(location, &Cancel::never())?;
    connection.execute_batch("BEGIN").map_err(|source| CacheError::sqlite(location, source))?;
    // The first read is what fixes the instant.
    let Some(version) = version_of(location, &connection)? else { return Ok(None) };
    Ok(Some(Opened { connections: alone(location, connection)?, version, rest }))
}

fn version_of(location: &Path, connection: &Connection) -> Result<Option<i64>, CacheError> {
    let empty = is_empty(connection).map_err(|source| CacheError::sqlite(location, source))?;
    if empty { Ok(None) } else { known_version(location, connection).map(Some) }
}

fn alone(location: &Path, connection: Connection) -> Result<Connections, CacheError> {
    Manager::Open(Mutex::new(Some(connection))).pool(location, 1, PATIENCE)
}

/// A connection that only reads, and what it rests on if it has no locks. Where a power cut left a rollback journal,
/// nobody can read before it is rolled back: a connection that may write does that first.
pub(crate) fn connect_to_read(
    location: &Path,
    cancel: &Cancel,
) -> Result<(Connection, Option<Rest>), CacheError> {
    let folder = location.parent().unwrap_or(Path::new("."));
    if is_denied(location, Access::READ_OK) {
        return Err(CacheError::Private { path: location.to_owned() });
    }
    let is_local = FileSystem::of(folder).may_share_memory();
    let patience = if is_local { PATIENCE } else { PATIENCE.min(PATIENCE_WITH_LOADS) };
    let (began, mut was_rolled_back) = (Instant::now(), false);
    loop {
        let connection = connect(location, READ_ONLY)?;
        let Err(error) = is_empty(&connection) else { return Ok((connection, None)) };
        drop(connection);
        match Hindrance::of(&error) {
            Hindrance::CutShort if !was_rolled_back => {
                if is_denied(folder, Access::WRITE_OK) || is_denied(location, Access::WRITE_OK) {
                    return Err(CacheError::CutShort { path: location.to_owned() });
                }
                let undone = is_empty(&connect(location, READ_WRITE)?);
                undone.map_err(|source| CacheError::sqlite(location, source))?;
                was_rolled_back = true;
            }
            Hindrance::Locks if !locks_work(location) => {
                if !nobody_else_writes(folder) {
                    return Err(CacheError::InUse { path: location.to_owned() });
                }
                return connect_at_rest(location);
            }
            Hindrance::Locks if is_busy(&error) && began.elapsed() < patience => pause(cancel)?,
            Hindrance::Locks if is_busy(&error) && !is_local => {
                return Err(CacheError::InUse { path: location.to_owned() });
            }
            // Whoever has it open keeps the index of its log beside it.
            Hindrance::NoIndex if files(location).get(2).is_some_and(|index| !index.exists()) => {
                return connect_at_rest(location);
            }
            _ => return Err(CacheError::sqlite(location, error)),
        }
    }
}

/// What keeps a connection that only reads from a cache.
enum Hindrance {
    /// A rollback journal of a commit that was cut short.
    CutShort,
    /// Somebody's lock, or a file system without locks: SQLite gives the same answer.
    Locks,
    /// The index of the log is not there, and may not be made.
    NoIndex,
    Other,
}

impl Hindrance {
    fn of(error: &rusqlite::Error) -> Self {
        let extended = error.sqlite_error().map_or(0, |error| error.extended_code);
        match (error.sqlite_error_code(), extended) {
            (_, ffi::SQLITE_READONLY_ROLLBACK) => Self::CutShort,
            (Some(ErrorCode::DatabaseBusy | ErrorCode::PermissionDenied), _)
            | (_, ffi::SQLITE_IOERR_LOCK | ffi::SQLITE_IOERR_RDLOCK | ffi::SQLITE_IOERR_UNLOCK) => {
                Self::Locks
            }
            (Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly), _)
            | (
                _,
                ffi::SQLITE_IOERR_SHMOPEN
                | ffi::SQLITE_IOERR_SHMSIZE
                | ffi::SQLITE_IOERR_SHMLOCK
                | ffi::SQLITE_IOERR_SHMMAP,
            ) => Self::NoIndex,
            _ => Self::Other,
        }
    }
}

/// Reads a cache to which nobody writes, without locks. What is in a log needs its index, which is made in memory; where
/// there is no log, none may be made. A journal is seen, and not rolled back: without locks that is its owner's to do.
fn connect_at_rest(location: &Path) -> Result<(Connection, Option<Rest>), CacheError> {
    let rest = Rest::of(location);
    let [_, log, _, journal] = files(location);
    let open = || {
        let connection = if log.exists() || journal.exists() {
            let connection = Connection::open_with_flags_and_vfs(location, READ_ONLY, NO_LOCKS)?;
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            connection
        } else {
            let flags = READ_ONLY.union(OpenFlags::SQLITE_OPEN_URI);
            Connection::open_with_flags(immutable(location), flags)?
        };
        is_empty(&connection).map(|_| connection)
    };
    match open() {
        Ok(connection) => Ok((connection, Some(rest))),
        Err(error) if matches!(Hindrance::of(&error), Hindrance::CutShort) => {
            Err(CacheError::CutShort { path: location.to_owned() })
        }
        Err(error) => Err(CacheError::sqlite(location, error)),
    }
}

/// A file's name for SQLite, with the promise that nobody changes it.
fn immutable(location: &Path) -> String {
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

fn is_denied(path: &Path, access: Access) -> bool {
    use rustix::io::Errno;
    rustix::fs::access(path, access)
        .is_err_and(|error| [Errno::ACCESS, Errno::PERM, Errno::ROFS].contains(&error))
}

/// Asked of the file itself, after SQLite met a lock: this process holds none on it that closing it would free.
fn locks_work(location: &Path) -> bool {
    fs::File::open(location).map_or(true, |file| record_locks_work(&file))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;
    use crate::lock::owner_lock::OwnerLock;
    use crate::read::cache::Cache;
    use crate::write::owned_cache::OwnedCache;

    #[test]
    fn a_commit_that_was_cut_short_is_never_read_without_locks() {
        let output = tempfile::tempdir().unwrap();
        let location = Cache::path_in(output.path());
        let writer = Connection::open(&location).unwrap();
        writer.execute_batch("CREATE TABLE x (y); PRAGMA cache_size = 2; BEGIN").unwrap();
        for _ in 0..200 {
            writer.execute("INSERT INTO x VALUES (zeroblob(20000))", []).unwrap();
        }
        let [_, _, _, journal] = files(&location);
        assert!(fs::metadata(journal).unwrap().len() > 0);
        let error = connect_at_rest(&location).unwrap_err();
        assert!(matches!(error, CacheError::CutShort { .. }), "{error}");
        writer.execute_batch("ROLLBACK").unwrap();
        connect_at_rest(&location).unwrap();
    }

    #[test]
    fn a_cache_at_rest_is_read_whatever_its_folder_is_called_and_noticed_when_it_is_written_to() {
        let root = tempfile::tempdir().unwrap();
        for name in [OsStr::new("a ?b#c%20é&=x"), OsStr::from_bytes(b"no\xFFtext")] {
            let output = root.path().join(name);
            fs::create_dir(&output).unwrap();
            let lock = OwnerLock::acquire(&output).unwrap();
            drop(OwnedCache::open_or_create(&lock).unwrap());
            let location = Cache::path_in(&output);
            let (connection, rest) = connect_at_rest(&location).unwrap();
            assert_eq!(version_of(&location, &connection).unwrap(), Some(crate::db::schema::SCHEMA_VERSION));
            assert!(rest.as_ref().unwrap().is_undisturbed());
            let _owner = OwnedCache::open_or_create(&lock).unwrap().write_outcomes(&[]);
            assert!(!rest.unwrap().is_undisturbed());
        }
    }
}
