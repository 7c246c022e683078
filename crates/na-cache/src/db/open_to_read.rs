//! Opens the database for reading: with SQLite's locks where they work, without them where nobody can be writing.
//!
//! A reader changes nothing and creates no file where it may not. Errors that keep it from the cache but leave the export
//! readable ([`CacheError::leaves_the_export`]) are told apart from those of a broken cache.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};
use rustix::fs::Access;

use crate::cancel::Cancel;
use crate::db::application_id::{is_own, known_version, version_if_held};
use crate::db::busy::{PATIENCE, is_busy, pause};
use crate::db::database::Database;
use crate::db::files::{FilesAtRest, files, filled, folder};
use crate::db::pool::{NO_LOCKS, READ_ONLY, READ_WRITE, connect, immutable, pool_of_one, pool_to_read};
use crate::db::schema::{is_empty, is_pandas};
use crate::error::CacheError;
use crate::lock::file_system::FileSystem;
use crate::lock::lock_file::record_locks_work;
use crate::lock::owner_lock::nobody_else_writes;

/// Patience on a file system where a load holds the database until it ends: only other programs are worth waiting for.
const PATIENCE_WITH_LOADS: Duration = Duration::from_secs(1);

/// Opens a database for reading. `None` if it does not exist, or its owner has not created the tables yet. Nothing is
/// changed, not even the log; but a commit that a crash cut short is rolled back.
pub(crate) fn open_to_read(location: PathBuf, cancel: &Cancel) -> Result<Option<Database>, CacheError> {
    let Some(location) = filled(location)? else { return Ok(None) };
    let (connection, at_rest) = connect_to_read(&location, cancel)?;
    let Some(version) = version_if_held(&location, &connection)? else { return Ok(None) };
    let connections = match at_rest {
        Some(_) => pool_of_one(&location, connection)?,
        None => pool_to_read(&location)?,
    };
    Ok(Some(Database::new(&location, connections, version, at_rest)))
}

/// The same with a single connection, in a transaction that has begun when this returns: all reads are of that instant.
pub(crate) fn open_snapshot(location: PathBuf) -> Result<Option<Database>, CacheError> {
    let Some(location) = filled(location)? else { return Ok(None) };
    let (connection, at_rest) = connect_to_read(&location, &Cancel::never())?;
    connection.execute_batch("BEGIN").map_err(|source| CacheError::sqlite(&location, source))?;
    // The first read fixes the instant.
    let Some(version) = version_if_held(&location, &connection)? else { return Ok(None) };
    Ok(Some(Database::new(&location, pool_of_one(&location, connection)?, version, at_rest)))
}

/// Refuses whatever is neither a cache of this program, of any version, nor one of the pandas package.
pub(crate) fn check_file(location: &Path) -> Result<(), CacheError> {
    let path = location.to_owned();
    match fs::symlink_metadata(location) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(CacheError::io("look at", location, source)),
        Ok(metadata) if metadata.is_symlink() => return Err(CacheError::Link { path }),
        Ok(metadata) if !metadata.is_file() => return Err(CacheError::Foreign { path }),
        // Created and not yet filled.
        Ok(metadata) if metadata.len() == 0 => return Ok(()),
        Ok(_) => {}
    }
    let (connection, _) = connect_to_read(location, &Cancel::never())?;
    let is_known = is_own(&connection).and_then(|own| Ok(own || is_pandas(&connection)?));
    match is_known.map_err(|source| CacheError::sqlite(location, source))? {
        true => Ok(()),
        false => known_version(location, &connection).map(drop),
    }
}

/// A connection that only reads, with the state of the files if it takes no locks. After a power cut nobody can read
/// before the rollback journal is rolled back: a connection that may write does that first.
pub(crate) fn connect_to_read(
    location: &Path,
    cancel: &Cancel,
) -> Result<(Connection, Option<FilesAtRest>), CacheError> {
    let folder = folder(location);
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
                return connect_at_rest(location).map(|(connection, files)| (connection, Some(files)));
            }
            Hindrance::Locks if is_busy(&error) && began.elapsed() < patience => pause(cancel)?,
            Hindrance::Locks if is_busy(&error) && !is_local => {
                return Err(CacheError::InUse { path: location.to_owned() });
            }
            // No index: nobody has the database open.
            Hindrance::NoIndex if is_index_missing(location) => {
                return connect_at_rest(location).map(|(connection, files)| (connection, Some(files)));
            }
            _ => return Err(CacheError::sqlite(location, error)),
        }
    }
}

/// What keeps a read-only connection from a database.
enum Hindrance {
    /// The rollback journal of a commit that was cut short.
    CutShort,
    /// Somebody's lock, or a file system without locks: SQLite answers both alike.
    Locks,
    /// The index of the log does not exist and may not be created.
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

/// Connects without locks to a database to which nobody writes. A log needs its index, which SQLite then keeps in memory;
/// without a log, no file may be created. A rollback journal is an error: without locks, only the owner rolls back.
pub(crate) fn connect_at_rest(location: &Path) -> Result<(Connection, FilesAtRest), CacheError> {
    let at_rest = FilesAtRest::of(location);
    match connect_without_locks(location) {
        Ok(connection) => Ok((connection, at_rest)),
        Err(error) if matches!(Hindrance::of(&error), Hindrance::CutShort) => {
            Err(CacheError::CutShort { path: location.to_owned() })
        }
        Err(error) => Err(CacheError::sqlite(location, error)),
    }
}

fn connect_without_locks(location: &Path) -> rusqlite::Result<Connection> {
    let [_, log, _, journal] = files(location);
    let connection = if log.exists() || journal.exists() {
        let connection = Connection::open_with_flags_and_vfs(location, READ_ONLY, NO_LOCKS)?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection
    } else {
        let flags = READ_ONLY.union(OpenFlags::SQLITE_OPEN_URI);
        Connection::open_with_flags(immutable(location), flags)?
    };
    // A first read, to meet what hinders it.
    is_empty(&connection).map(|_| connection)
}

fn is_denied(path: &Path, access: Access) -> bool {
    use rustix::io::Errno;
    rustix::fs::access(path, access)
        .is_err_and(|error| [Errno::ACCESS, Errno::PERM, Errno::ROFS].contains(&error))
}

fn is_index_missing(location: &Path) -> bool {
    let [_, _, index, _] = files(location);
    !index.exists()
}

/// Tried on the database itself after SQLite met a lock: this process holds none that closing the file would free.
fn locks_work(location: &Path) -> bool {
    fs::File::open(location).map_or(true, |file| record_locks_work(&file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::files::cache_path;

    #[test]
    fn a_commit_that_was_cut_short_is_never_read_without_locks() {
        let output = tempfile::tempdir().unwrap();
        let location = cache_path(output.path());
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
}
