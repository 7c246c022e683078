//! The files of a cache: their names, how they are created and deleted, and whether they changed.

use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::CacheError;
use crate::lock::lock_file::delete;

/// The cache's name in the output folder.
pub const CACHE_FILE: &str = ".cache.db";

/// The name of a cache that is created beside one of the pandas package, to take it over.
pub const TAKEN_OVER_FILE: &str = ".cache-taken-over.db";

/// The cache of an output folder.
pub(crate) fn cache_path(output: &Path) -> PathBuf {
    output.join(CACHE_FILE)
}

/// A cache beside that of an output folder.
pub(crate) fn taken_over_path(output: &Path) -> PathBuf {
    output.join(TAKEN_OVER_FILE)
}

/// The files of a database: itself, the write-ahead log, the log's index, the rollback journal.
pub(crate) fn files(location: &Path) -> [PathBuf; 4] {
    ["", "-wal", "-shm", "-journal"].map(|ending| {
        let mut path = location.as_os_str().to_owned();
        path.push(ending);
        PathBuf::from(path)
    })
}

/// The database and its write-ahead log, bytes. A file that does not exist counts nothing.
pub(crate) fn size_bytes(location: &Path) -> u64 {
    let size = |path: &PathBuf| fs::metadata(path).map_or(0, |metadata| metadata.len());
    let [database, log, _, _] = files(location);
    size(&database) + size(&log)
}

/// The folder of a database.
pub(crate) fn folder(location: &Path) -> &Path {
    location.parent().unwrap_or(Path::new("."))
}

/// The database, if it exists and is not empty: its owner creates the file before it fills it.
pub(crate) fn filled(location: PathBuf) -> Result<Option<PathBuf>, CacheError> {
    match fs::metadata(&location) {
        Ok(metadata) => Ok((metadata.len() > 0).then_some(location)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CacheError::io("open", &location, error)),
    }
}

/// Creates an empty database file if none exists.
pub(crate) fn create_if_missing(location: &Path) -> Result<(), CacheError> {
    match fs::symlink_metadata(location) {
        Ok(metadata) if metadata.is_symlink() => Err(CacheError::Link { path: location.to_owned() }),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // A log without its database is what a deletion left that was cut short.
            remove_files(location)?;
            create_private(location)
        }
        Err(source) => Err(CacheError::io("look at", location, source)),
    }
}

/// Brain measures are health data: SQLite gives the log and its index the mode of the database.
fn create_private(location: &Path) -> Result<(), CacheError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(location).map(drop).map_err(|source| CacheError::io("create", location, source))
}

/// Deletes a database with its log, the database first and durably: a log alone is nothing, but a database without its
/// log could be an older state.
pub(crate) fn remove_files(location: &Path) -> Result<(), CacheError> {
    let [database, log, index, journal] = files(location);
    delete(&database)?;
    sync_folder(location)?;
    [log, index, journal].iter().try_for_each(|path| delete(path))?;
    sync_folder(location)
}

/// Syncs the folder of a file.
pub(crate) fn sync_folder(location: &Path) -> Result<(), CacheError> {
    let folder = folder(location);
    let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| CacheError::io("sync", folder, source))
}

/// The sizes and modification times of a database's files when it was opened without locks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilesAtRest {
    location: PathBuf,
    /// `None` for a file that does not exist.
    files: [Option<(u64, Option<SystemTime>)>; 4],
}

impl FilesAtRest {
    pub(crate) fn of(location: &Path) -> Self {
        let look = |path: PathBuf| fs::metadata(path).ok().map(|file| (file.len(), file.modified().ok()));
        Self { location: location.to_owned(), files: files(location).map(look) }
    }

    /// Whether nobody wrote since.
    pub(crate) fn is_undisturbed(&self) -> bool {
        Self::of(&self.location) == *self
    }
}
