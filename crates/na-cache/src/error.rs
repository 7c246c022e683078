//! What can go wrong between the program and `.cache.db`.

use std::io;
use std::path::{Path, PathBuf};

use arrow::error::ArrowError;

use crate::holder_name::HolderName;

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
        "{} was locked by process {pid} on {host} ({}), and whether that still runs cannot be seen from here: if it is \
         gone, run again with --take-over {host}:{pid}",
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
    /// A process is to be taken over that is not the lock's holder.
    #[error(
        "{} was locked by {holder}, and --take-over names {asked}: name the holder, if it is gone",
        output.display()
    )]
    OtherHolder {
        /// The output folder.
        output: PathBuf,
        /// The process that was named.
        asked: HolderName,
        /// The holder.
        holder: HolderName,
    },
    /// On a file system without locks, a process that runs is named by the lock file.
    #[error(
        "{} is in use by process {pid} on {host}: wait until it ends, or stop it; what it committed is safe; if that \
         process is another program, delete {}, which says so",
        output.display(),
        lock.display()
    )]
    HeldByFile {
        /// The output folder.
        output: PathBuf,
        /// The lock file.
        lock: PathBuf,
        /// The other process, as its lock says.
        pid: String,
        /// The machine it runs on.
        host: String,
    },
    /// On a file system without locks, a lock file that names nobody.
    #[error(
        "{} is locked by {}, which does not say by whom: if nothing loads or exports there, delete it and run again",
        output.display(),
        lock.display()
    )]
    UnknownHolder {
        /// The output folder.
        output: PathBuf,
        /// The lock file.
        lock: PathBuf,
    },
    /// The lock was deleted or taken over while its owner was at work.
    #[error(
        "the lock of {} is no longer this run's ({}): nothing more is written; what was committed is safe, run again \
         when nothing else loads there",
        output.display(),
        lost_to(lock, holder.as_ref())
    )]
    LockLost {
        /// The output folder.
        output: PathBuf,
        /// The lock file.
        lock: PathBuf,
        /// Who has it now, as far as it says.
        holder: Option<HolderName>,
    },
    /// A file that is written in place is a link. What it leads to is not touched.
    #[error("{} is a link, and it is never written through one: delete it and run again", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// The cache may be read by its owner alone.
    #[error("{} may be read by the user alone who loads there", path.display())]
    Private {
        /// The cache.
        path: PathBuf,
    },
    /// A load holds the cache, on a file system where nobody can look on.
    #[error(
        "{} is held by a load, and its file system lets nobody look on: it can be read when the load ends",
        path.display()
    )]
    InUse {
        /// The cache.
        path: PathBuf,
    },
    /// A commit was cut short, and who only reads cannot take it back.
    #[error(
        "{} has a commit that was cut short: it can be read after the next run of somebody who may write there",
        path.display()
    )]
    CutShort {
        /// The cache.
        path: PathBuf,
    },
    /// Somebody asked to stop while the cache was waited for.
    #[error("stopped while another program held the cache; what was committed is safe")]
    Stopped,
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
    /// Another program's database, or no file at all, in the cache's place.
    #[error(
        "{} is not a cache of this program, and the cache is to be there: move it away, or give another --output",
        path.display()
    )]
    Foreign {
        /// What is there.
        path: PathBuf,
    },
    /// Something that is no lock in the lock's place.
    #[error(
        "{} is not a lock of this program, and the lock is to be there: move it away, or give another --output",
        path.display()
    )]
    NoLock {
        /// The file.
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

fn lost_to(lock: &Path, holder: Option<&HolderName>) -> String {
    match holder {
        Some(HolderName { host, pid }) => format!("{} names process {pid} on {host}", lock.display()),
        None => format!("{} is gone", lock.display()),
    }
}

impl CacheError {
    /// Whether a reader can do without the cache: it cannot be looked at from here now, and what is exported can.
    #[must_use]
    pub fn leaves_the_export(&self) -> bool {
        matches!(self, Self::Private { .. } | Self::InUse { .. } | Self::CutShort { .. })
    }

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
