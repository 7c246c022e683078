//! Why a cache or the lock of its output cannot be used.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use arrow_schema::ArrowError;
use na_model::writing_remedy;

use crate::holder_name::HolderName;

/// Why a cache or the lock of its output cannot be used. Each message says what, where and the remedy.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
#[non_exhaustive]
pub enum CacheError {
    /// Another process owns the output.
    #[error(
        "{} is in use by {holder}: wait until it ends (--wait SECONDS does), or stop it; what it committed is safe",
        output.display()
    )]
    Busy { output: PathBuf, holder: Box<HeldBy> },
    /// A process of another machine left its lock, and nobody can tell from here whether it still runs.
    #[error(
        "{} was locked by {holder} ({}), and whether that still runs cannot be seen from here: if it is gone, run again with \
         --take-over {}",
        output.display(),
        lock.display(),
        holder.name
    )]
    HeldElsewhere { output: PathBuf, lock: PathBuf, holder: Box<HeldBy> },
    /// The process to take over is not the lock's holder.
    #[error(
        "{} was locked by {holder}, and --take-over names {asked}: name the holder, if it is gone",
        output.display()
    )]
    OtherHolder { output: PathBuf, asked: HolderName, holder: HolderName },
    /// On a file system without locks, the lock file names a process that runs.
    #[error(
        "{} is in use by {holder}: wait until it ends, or stop it; what it committed is safe; if that \
         process is another program, delete {}, which says so",
        output.display(),
        lock.display()
    )]
    HeldByFile { output: PathBuf, lock: PathBuf, holder: Box<HeldBy> },
    /// On a file system without locks, the lock file names nobody.
    #[error(
        "{} is locked by {}, which does not say by whom: if nothing loads or exports there, delete it and run again",
        output.display(),
        lock.display()
    )]
    UnknownHolder { output: PathBuf, lock: PathBuf },
    /// The lock was deleted or taken over while its owner worked.
    #[error(
        "the lock of {} is no longer this run's ({}): nothing more is written; what was committed is safe, run again \
         when nothing else loads there",
        output.display(),
        lost_to(lock, holder.as_ref())
    )]
    LockLost {
        output: PathBuf,
        lock: PathBuf,
        /// `None` if the lock names nobody now.
        holder: Option<HolderName>,
    },
    /// A file that is written in place is a link. Its target is not touched.
    #[error("{} is a link, and the program never writes through one: delete it and run again", path.display())]
    Link { path: PathBuf },
    /// Only the owner of the cache may read it.
    #[error("{} may be read only by the user who loads there", path.display())]
    Private { path: PathBuf },
    /// A load holds the cache, on a file system where nobody can read it meanwhile.
    #[error(
        "{} is held by a load, and on its file system nobody can read it meanwhile: try again when the load ends",
        path.display()
    )]
    InUse { path: PathBuf },
    /// A commit was cut short, and a reader cannot roll it back.
    #[error(
        "{} has a commit that was cut short: it can be read after the next run by somebody who may write there",
        path.display()
    )]
    CutShort { path: PathBuf },
    /// A segment that was listed is no longer there: it was merged meanwhile.
    #[error("{} is no longer there: what it held is in the store by now; look again", path.display())]
    SegmentGone { path: PathBuf },
    /// Cancelled while waiting for the cache.
    #[error("stopped while another program held the cache; what was committed is safe")]
    Stopped,
    /// A cache of a version of this program that this one does not know.
    #[error(
        "{} has schema {found}, this program knows schema {known}: export it with the version that wrote it \
         (neuroalign-export-cache), or move it away to load again",
        path.display()
    )]
    UnknownSchema {
        path: PathBuf,
        /// Its `PRAGMA user_version`.
        found: i64,
        known: i64,
    },
    /// A cache that the pandas package left.
    #[error(
        "{} is a cache of the pandas package: export it with neuroalign-export-cache, or move it away to load again",
        path.display()
    )]
    OfPandas { path: PathBuf },
    /// Another program's database, or no regular file, under the cache's name.
    #[error(
        "{} is not a cache of this program but has the cache's name: move it away, or give another --output",
        path.display()
    )]
    Foreign { path: PathBuf },
    /// Another file under the lock's name.
    #[error(
        "{} is not a lock of this program but has the lock's name: move it away, or give another --output",
        path.display()
    )]
    NoLock { path: PathBuf },
    /// The file is no SQLite database, or a damaged one.
    #[error("{} is not a readable cache ({problem}): move it away and run again to load what it held", path.display())]
    Damaged { path: PathBuf, problem: String },
    /// No room, or a limit of the file system.
    #[error(
        "{} cannot grow: the disk is full; free some space and run again, what was committed is safe",
        path.display()
    )]
    Full { path: PathBuf },
    /// Another program writes to the cache.
    #[error(
        "{} is locked by another program: close what has it open and run again; what was committed is safe",
        path.display()
    )]
    Locked { path: PathBuf },
    /// Any other error of SQLite.
    #[error("{}: {source}", path.display())]
    Sqlite { path: PathBuf, source: rusqlite::Error },
    /// No connection was free in time.
    #[error("{}: no connection to the cache within 30 s ({source}): another process may hold it", path.display())]
    Pool { path: PathBuf, source: r2d2::Error },
    /// A file of the cache or the lock cannot be created, read or deleted.
    #[error("cannot {action} {}: {source}{}", path.display(), writing_remedy(source))]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    /// A table cannot be turned into a blob.
    #[error("a table cannot be encoded: {0}")]
    Encoding(#[from] ArrowError),
    /// A table that is too large to be read again.
    #[error(
        "a table of {size} bytes, more than the {limit} that the cache takes: it cannot be a table of one session"
    )]
    TooLarge {
        /// Unpacked or in the cache, bytes.
        size: usize,
        /// Bytes.
        limit: usize,
    },
    /// An earlier commit failed, and the writer takes no more units.
    #[error("the cache takes no more units after an error")]
    WriterStopped,
}

/// Who has an output, in the words of a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBy {
    /// The process.
    pub name: HolderName,
    /// The job of SLURM that it is, if it said so.
    pub job: Option<String>,
}

impl fmt::Display for HeldBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.name.pid, self.name.host)?;
        self.job.as_ref().map_or(Ok(()), |job| write!(f, ", SLURM job {job}"))
    }
}

fn lost_to(lock: &Path, holder: Option<&HolderName>) -> String {
    match holder {
        Some(HolderName { host, pid }) => format!("{} names process {pid} on {host}", lock.display()),
        None => format!("{} is gone", lock.display()),
    }
}

impl CacheError {
    /// Whether only the cache is out of reach, from here and now: a reader can still use what is exported.
    #[must_use]
    pub fn leaves_the_export(&self) -> bool {
        matches!(self, Self::Private { .. } | Self::InUse { .. } | Self::CutShort { .. })
    }

    /// Whether another process has the output, which may end.
    pub(crate) fn is_held(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::HeldByFile { .. } | Self::HeldElsewhere { .. })
    }

    /// SQLite's errors, told apart where the remedy differs.
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
