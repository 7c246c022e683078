//! What can go wrong between the program and `.cache.db`.

use std::io;
use std::path::{Path, PathBuf};

use arrow::error::ArrowError;

/// Why the cache cannot be used. Each says what, where and the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// Another process owns the output.
    #[error(
        "{} is in use by process {pid} on {host}: wait until it ends, or stop it; what it committed is safe",
        output.display()
    )]
    Busy {
        /// The output folder.
        output: PathBuf,
        /// The other process, as its lock says.
        pid: String,
        /// The machine it runs on.
        host: String,
    },
    /// A process of another machine left its lock; whether it still runs cannot be told from here.
    #[error(
        "{} was locked by process {pid} on {host}, and whether that still runs cannot be seen from this machine: if it \
         is gone, delete {} and run again",
        output.display(),
        lock.display()
    )]
    HeldElsewhere {
        /// The output folder.
        output: PathBuf,
        /// The lock file.
        lock: PathBuf,
        /// The other process.
        pid: String,
        /// The other machine.
        host: String,
    },
    /// A cache of another version of this program.
    #[error(
        "{} has schema {found}, this program knows schema {known}: export it with the version that wrote it \
         (neuroalign-export-cache), or move it away to load again",
        path.display()
    )]
    UnknownSchema {
        /// The cache.
        path: PathBuf,
        /// Its `PRAGMA user_version`.
        found: i64,
        /// The version that is known.
        known: i64,
    },
    /// A cache that the pandas package left.
    #[error(
        "{} is a cache of the pandas package: export it with neuroalign-export-cache, or move it away to load again",
        path.display()
    )]
    OfPandas {
        /// The cache.
        path: PathBuf,
    },
    /// The file is no SQLite database, or a damaged one.
    #[error("{} is not a readable cache ({problem}): move it away and run again to load what it held", path.display())]
    Damaged {
        /// The cache.
        path: PathBuf,
        /// What SQLite or the decoder says.
        problem: String,
    },
    /// No room, or a limit of the file system.
    #[error(
        "{} cannot grow: the disk is full; free some space and run again, what was committed is safe",
        path.display()
    )]
    Full {
        /// The cache.
        path: PathBuf,
    },
    /// Another program writes to the cache.
    #[error(
        "{} is locked by another program: close what has it open and run again; what was committed is safe",
        path.display()
    )]
    Locked {
        /// The cache.
        path: PathBuf,
    },
    /// Any other answer of SQLite.
    #[error("{}: {source}", path.display())]
    Sqlite {
        /// The cache.
        path: PathBuf,
        /// The answer.
        source: rusqlite::Error,
    },
    /// No connection was free in time.
    #[error("{}: no connection to the cache within 30 s ({source}): another process may hold it", path.display())]
    Pool {
        /// The cache.
        path: PathBuf,
        /// Why.
        source: r2d2::Error,
    },
    /// A file beside the cache cannot be made, read or deleted.
    #[error("cannot {action} {}: {source}{}", path.display(), way_out(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A table cannot be turned into a blob.
    #[error("a table cannot be encoded: {0}")]
    Encoding(#[from] ArrowError),
    /// A table that takes more room than the cache can give back.
    #[error(
        "a table of {size} bytes once it is read, more than {limit}: it cannot be a table of one session"
    )]
    TooLarge {
        /// Its size in memory or in the cache, bytes.
        size: usize,
        /// The most that the cache takes, bytes.
        limit: usize,
    },
    /// The writer met an error before and takes nothing more.
    #[error("the cache takes no more units after an error")]
    WriterStopped,
}

fn way_out(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space and run again, what was committed is safe"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; choose an output folder that you may write to"
        }
        _ => "",
    }
}

impl CacheError {
    /// SQLite's answers, told apart where the way out differs.
    pub(crate) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseCorrupt, DiskFull, NotADatabase};
        match source.sqlite_error_code() {
            Some(DiskFull) => Self::Full { path: path.to_owned() },
            Some(DatabaseBusy) => Self::Locked { path: path.to_owned() },
            Some(NotADatabase | DatabaseCorrupt) => Self::damaged(path, source),
            _ => Self::Sqlite { path: path.to_owned(), source },
        }
    }

    pub(crate) fn damaged(path: &Path, problem: impl ToString) -> Self {
        Self::Damaged { path: path.to_owned(), problem: problem.to_string() }
    }

    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}
