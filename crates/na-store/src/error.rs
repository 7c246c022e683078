//! What can go wrong with a store on disk.

use std::io;
use std::path::{Path, PathBuf};

use arrow::error::ArrowError;
use na_cache::CacheError;
use parquet::errors::ParquetError;

/// Why a store cannot be written or read. Each says what, where and the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file or folder of the store cannot be made, read, renamed or deleted.
    #[error("cannot {action} {}: {source}{}", path.display(), way_out(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A Parquet file cannot be read or written.
    #[error("{}: {source}{}", path.display(), parquet_way_out(source))]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: ParquetError,
    },
    /// Columns do not fit together.
    #[error("{}: {source}", path.display())]
    Arrow {
        /// The file that they are for.
        path: PathBuf,
        /// Why not.
        source: ArrowError,
    },
    /// The cache cannot be read or deleted.
    #[error(transparent)]
    Cache(CacheError),
    /// A file of the store is not what the store writes.
    #[error("{} is damaged ({problem}): move it away and load its sessions again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Something that is not the store's where a file of the store is to be.
    #[error(
        "{} is not this program's, and a file of the store is to be there: move it away, or give another --output",
        path.display()
    )]
    Foreign {
        /// What is there.
        path: PathBuf,
    },
    /// A store whose form this program does not know.
    #[error(
        "{} has version {found}, this program knows {known}: use the program that wrote it, or give another --output",
        path.display()
    )]
    OtherVersion {
        /// The manifest.
        path: PathBuf,
        /// Its version.
        found: String,
        /// The version that is known.
        known: &'static str,
    },
    /// The store is of another atlas.
    #[error(
        "{} holds atlas {store}, not {asked}: a store has one atlas; give --output another folder, or --atlas-name \
         {store}",
        output.display()
    )]
    OtherAtlas {
        /// The store.
        output: PathBuf,
        /// Its atlas.
        store: String,
        /// The atlas asked for.
        asked: String,
    },
    /// What was written is not what was to be written. The cache is still there.
    #[error(
        "{} does not hold what was written to it ({problem}): the cache is kept; check the disk and range again",
        path.display()
    )]
    NotVerified {
        /// The file.
        path: PathBuf,
        /// What is missing.
        problem: String,
    },
    /// Nothing of this name is in the store.
    #[error("there is no {what} {name} in {}{}", output.display(), nearest_and_all(nearest, all))]
    UnknownName {
        /// What was asked for: a long table, a feature, a region, a metric.
        what: &'static str,
        /// The name.
        name: String,
        /// The store.
        output: PathBuf,
        /// Names that are almost the same, nearest first.
        nearest: Vec<String>,
        /// All names that are there.
        all: Vec<String>,
    },
    /// A subject or session that was asked for is not in the store.
    #[error("there is no {what} {name}{} in {}{}", and_more(*more), output.display(), nearest_of(what, nearest, *known))]
    UnknownSession {
        /// `subject` or `session`.
        what: &'static str,
        /// The first that is not there.
        name: String,
        /// How many others are not there either.
        more: usize,
        /// The store.
        output: PathBuf,
        /// The nearest that are there, nearest first.
        nearest: Vec<String>,
        /// How many are there.
        known: usize,
    },
    /// A list of what to read has nothing in it.
    #[error("{what} is an empty list: nothing would be read; name some{}", or_leave_out(what))]
    EmptyList {
        /// What is empty: `sessions`, `subjects`, `regions`, `metrics`, or the `names` of features.
        what: &'static str,
    },
    /// The folder of a store is not there.
    #[error("{} is no folder: give the folder that a load wrote to (its --output)", output.display())]
    NoFolder {
        /// The path.
        output: PathBuf,
    },
    /// There is nothing to export.
    #[error(
        "there is no cache: it would be {}; it is there while a load is running, and after one that was cut short",
        location.display()
    )]
    NoCache {
        /// Where it would be.
        location: PathBuf,
    },
    /// Nobody says of which atlas the tables of a cache are.
    #[error(
        "{} is a cache of the pandas package, and does not say of which atlas its tables are: export it with \
         neuroalign-export-cache --atlas-name NAME, or move it away to load again",
        location.display()
    )]
    AtlasNotTold {
        /// The cache.
        location: PathBuf,
    },
    /// A cache is of another atlas than the one asked for.
    #[error("the cache holds atlas {cached}, not {asked}: leave --atlas-name out")]
    CacheOfOtherAtlas {
        /// The cache's atlas.
        cached: String,
        /// The atlas asked for.
        asked: String,
    },
    /// The cache is of a fresh load that has not come to its end: it is no part of the store yet.
    #[error(
        "the cache in {} is of a load with --force that has not come to its end, and the store is as it was before: range that \
         load again to go on, or let go of it with neuroalign-export-cache {} --discard",
        output.display(), output.display()
    )]
    FreshLoad {
        /// The store.
        output: PathBuf,
    },
    /// Participants were taken out of the store, and nobody says who may not come back.
    #[error(
        "participants who withdrew were taken out of the store in {}: give the list of them with --withdrawn FILE (or WITHDRAWN), \
         or --withdrawn none if there is nobody any more who may not come back",
        output.display()
    )]
    WithdrawalsNotTold {
        /// The store.
        output: PathBuf,
    },
    /// The list of those who withdrew is shorter than the one before.
    #[error(
        "the list of withdrawals has {listed} lines, and the last one that the store in {} was given had {known}: whoever is \
         missing could come back; give the list of all who withdrew, or --yes if it was corrected on purpose",
        output.display()
    )]
    FewerWithdrawals {
        /// The store.
        output: PathBuf,
        /// Lines of the list.
        listed: u64,
        /// Lines of the list before.
        known: u64,
    },
    /// There is no fresh load to let go of.
    #[error(
        "nothing was discarded: the cache in {} is of no load with --force that has not come to its end; \
         neuroalign-export-cache {} exports what it holds",
        output.display(), output.display()
    )]
    NothingToDiscard {
        /// The store.
        output: PathBuf,
    },
    /// Polars cannot take what was read.
    #[cfg(feature = "polars")]
    #[error("{}: {source}", output.display())]
    Frame {
        /// The store.
        output: PathBuf,
        /// Why not.
        source: polars::error::PolarsError,
    },
    /// The store changed each time that it was looked at.
    #[error("{} is changing faster than it can be read: try again when the export is done", output.display())]
    Changing {
        /// The store.
        output: PathBuf,
    },
    /// The export was asked to stop. The cache is still there.
    #[error("stopped")]
    Stopped,
}

impl From<CacheError> for StoreError {
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::Stopped => Self::Stopped,
            error => Self::Cache(error),
        }
    }
}

fn way_out(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space and range again, what was committed is safe"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; choose an output folder that you may write to"
        }
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            "; a file has the name of a folder: choose another output folder"
        }
        _ => "",
    }
}

fn nearest_and_all(nearest: &[String], all: &[String]) -> String {
    let nearest = match nearest {
        [] => String::new(),
        names => format!("; did you mean {}?", names.join(" or ")),
    };
    match all {
        [] => format!("{nearest}; there is none yet: load some sessions first"),
        all => format!("{nearest}; there are: {}", all.join(", ")),
    }
}

fn and_more(more: usize) -> String {
    match more {
        0 => String::new(),
        1 => " (nor another that was asked for)".to_owned(),
        more => format!(" (nor {more} others that were asked for)"),
    }
}

fn nearest_of(what: &str, nearest: &[String], known: usize) -> String {
    match (nearest, known) {
        ([], _) => "; there is none yet: load some sessions first".to_owned(),
        ([only], 1) => format!("; the only {what} is {only}"),
        (nearest, known) => format!("; of its {known} {what}s the nearest are {}", nearest.join(", ")),
    }
}

fn or_leave_out(what: &str) -> &'static str {
    if what == "names" { "" } else { ", or leave it out for all" }
}

fn parquet_way_out(source: &ParquetError) -> &'static str {
    match source {
        ParquetError::External(error) => error.downcast_ref().map_or("", way_out),
        _ => "",
    }
}

impl StoreError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn parquet(path: &Path) -> impl Fn(ParquetError) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Parquet { path: path.clone(), source }
    }

    pub(crate) fn arrow(path: &Path) -> impl Fn(ArrowError) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Arrow { path: path.clone(), source }
    }

    pub(crate) fn damaged(path: &Path, problem: impl ToString) -> Self {
        Self::Damaged { path: path.to_owned(), problem: problem.to_string() }
    }
}
