//! The errors of a store on disk.

use std::io;
use std::path::{Path, PathBuf};

use arrow_schema::ArrowError;
use na_cache::CacheError;
use na_model::{TivSource, writing_remedy};
use parquet::errors::ParquetError;

/// Why a store cannot be written or read. Each says what, where and the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "plain data: what a name does not say is documented")]
pub enum StoreError {
    /// A file or folder of the store cannot be created, read, renamed or deleted.
    #[error("cannot {action} {}: {source}{}", path.display(), writing_remedy(source))]
    Io {
        /// A verb, as in "cannot read".
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// A Parquet file cannot be read or written.
    #[error("{}: {source}{}", path.display(), parquet_way_out(source))]
    Parquet { path: PathBuf, source: ParquetError },
    /// Columns cannot be put together for a file.
    #[error("{}: {source}", path.display())]
    Arrow { path: PathBuf, source: ArrowError },
    /// The cache cannot be read or deleted.
    #[error(transparent)]
    Cache(CacheError),
    /// A file of the store does not hold what the store writes.
    #[error("{} is damaged ({problem}): put a backup in its place, or move it away and run the load again, which reads what is listed and on disk", path.display())]
    Damaged { path: PathBuf, problem: String },
    /// A file of somebody else's has the path of a file of the store.
    #[error(
        "{} is not this program's, and the store needs a file there: move it away, or give another --output",
        path.display()
    )]
    Foreign { path: PathBuf },
    /// The manifest has a version that this program does not know.
    #[error(
        "{} has version {found}, this program knows {known}: use the program that wrote it, or give another --output",
        path.display()
    )]
    OtherVersion { path: PathBuf, found: String, known: &'static str },
    /// The store holds another atlas than the one asked for.
    #[error(
        "{} holds atlas {store}, not {asked}: a store has one atlas; give --output another folder, or --atlas-name \
         {store}",
        output.display()
    )]
    OtherAtlas { output: PathBuf, store: String, asked: String },
    /// The store has volumes of another source than the one asked for.
    #[error(
        "the total intracranial volumes in {} are those of {store}, not of {asked}: the two are not comparable, and a store has one of them; leave \
         --tiv-from out, give --output another folder, or load all anew with --force",
        output.display()
    )]
    OtherVolumes { output: PathBuf, store: TivSource, asked: TivSource },
    /// A file does not hold what was written to it. The cache is kept.
    #[error(
        "{} does not hold what was written to it ({problem}): the cache is kept; check the disk and run again",
        path.display()
    )]
    NotVerified { path: PathBuf, problem: String },
    /// Rows that were sealed beside the long tables are gone.
    #[error(
        "rows of {n_units} sessions that were loaded are gone from {}: run the load again, which reads their files again; or export \
         what is left by running neuroalign-export-cache again",
        output.join("long").display()
    )]
    SealedRowsLost { output: PathBuf, n_units: usize },
    /// Rows of a fresh load are gone, and some of its files have replaced the store's.
    #[error(
        "rows of a load with --force are gone, and {} has some of its files already: run that load again, which reads their \
         files again and puts all of it in place",
        output.display()
    )]
    FreshLoadLacksUnits { output: PathBuf },
    /// The store has nothing of this name.
    #[error("there is no {what} {name} in {}{}", output.display(), nearest_and_all(nearest, all))]
    UnknownName {
        /// The kind of the name: `long table`, `feature`, `region` or `metric`.
        what: &'static str,
        name: String,
        output: PathBuf,
        /// The most similar names, nearest first.
        nearest: Vec<String>,
        /// Every name that the store has of this kind.
        all: Vec<String>,
    },
    /// The store does not have a subject or session that was asked for.
    #[error("there is no {what} {name}{} in {}{}", and_more(*more), output.display(), nearest_of(what, nearest, *known))]
    UnknownSession {
        /// `subject` or `session`.
        what: &'static str,
        /// The first that is missing.
        name: String,
        /// How many others are missing.
        more: usize,
        output: PathBuf,
        /// The most similar that the store has, nearest first.
        nearest: Vec<String>,
        /// How many the store has.
        known: usize,
    },
    /// A list of what to read is empty.
    #[error("{what} is an empty list: nothing would be read; name some{}", or_leave_out(what))]
    EmptyList {
        /// The list: `sessions`, `subjects`, `regions`, `metrics`, or the `names` of features.
        what: &'static str,
    },
    /// The path of a store is not a folder.
    #[error("{} is no folder: give the folder that a load wrote to (its --output)", output.display())]
    NoFolder { output: PathBuf },
    /// There is no cache to export.
    #[error(
        "there is no cache, which would be {}, and no segment beside it: a cache is there while a load is running and after one that was \
         cut short, segments once neuroalign-preprocess --segment has published some",
        location.display()
    )]
    NoCache { location: PathBuf },
    /// Nothing was exported to the folder yet.
    #[error("no store is in {} yet: neuroalign-preprocess makes one, and neuroalign-export-cache of what segments hold", output.display())]
    NoStore { output: PathBuf },
    /// Segments are of several atlases, and nothing says which of them the store is of.
    #[error(
        "segments of {} are of the atlases {first} and {other}, and a store has one: say which by --atlas-name, and move those of the other \
         into another output",
        output.display()
    )]
    SeveralAtlases { output: PathBuf, first: String, other: String },
    /// No segment can be merged, and there is no cache.
    #[error("nothing of {} can be merged: {why}", output.display())]
    SegmentsRefused { output: PathBuf, why: String },
    /// A cache of the pandas package does not say its atlas, and nobody else does.
    #[error(
        "{} is a cache of the pandas package, and does not say of which atlas its tables are: export it with \
         neuroalign-export-cache --atlas-name NAME, or move it away to load again",
        location.display()
    )]
    AtlasNotTold { location: PathBuf },
    /// The cache holds another atlas than the one asked for.
    #[error("the cache holds atlas {cached}, not {asked}: leave --atlas-name out")]
    CacheOfOtherAtlas { cached: String, asked: String },
    /// The cache belongs to an unfinished load with `--force`: it is no part of the store yet.
    #[error(
        "the cache in {} is of a load with --force that has not come to its end, and the store is as it was before: run that \
         load again to go on, or let go of it with neuroalign-export-cache {} --discard",
        output.display(), output.display()
    )]
    FreshLoad { output: PathBuf },
    /// Participants were taken out of the store, and the caller gives no list of those who withdrew.
    #[error(
        "participants who withdrew were taken out of the store in {}: give the list of them with --withdrawn FILE (or WITHDRAWN), \
         or --withdrawn none if there is nobody any more who may not come back",
        output.display()
    )]
    WithdrawalsNotTold { output: PathBuf },
    /// The list of those who withdrew is shorter than the last one.
    #[error(
        "the list of withdrawals has {listed} lines, and the last one that the store in {} was given had {known}: whoever is \
         missing could come back; give the list of all who withdrew, or --yes if it was corrected on purpose",
        output.display()
    )]
    FewerWithdrawals { output: PathBuf, listed: u64, known: u64 },
    /// There is no unfinished load with `--force` to discard.
    #[error(
        "nothing was discarded: the cache in {} is of no load with --force that has not come to its end; \
         neuroalign-export-cache {} exports what it holds",
        output.display(), output.display()
    )]
    NothingToDiscard { output: PathBuf },
    /// Polars cannot import what was read.
    #[cfg(feature = "polars")]
    #[error("{}: {source}", output.display())]
    Frame { output: PathBuf, source: polars::error::PolarsError },
    /// The store changed during each try to read it.
    #[error("{} is changing faster than it can be read: try again when the export is done", output.display())]
    Changing { output: PathBuf },
    /// The export was cancelled. The cache is kept.
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

/// Of the names that there are, so many are told.
const NAMES_TOLD: usize = 20;

fn nearest_and_all(nearest: &[String], all: &[String]) -> String {
    let nearest = match nearest {
        [] => String::new(),
        names => format!("; did you mean {}?", names.join(" or ")),
    };
    match all {
        [] => format!("{nearest}; there is none yet: load some sessions first"),
        all => {
            let (told, more) = all.split_at(all.len().min(NAMES_TOLD));
            let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
            format!("{nearest}; there are: {}{more}", told.join(", "))
        }
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
        ParquetError::External(error) => error.downcast_ref().map_or("", writing_remedy),
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
