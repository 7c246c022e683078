//! The keys of Parquet's key-value metadata that the program writes: a store can be understood without its manifest.
//!
//! A feature records the [`STATE`] of the long table that it was made from as [`FROM_STATE`]. While the two are equal it is up
//! to date, and an export does not make it again.

use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use parquet::file::properties::WriterProperties;

/// The atlas.
pub(crate) const ATLAS: &str = "neuroalign.atlas_name";
/// The program's version.
pub(crate) const VERSION: &str = "neuroalign.version";
/// The name under which the file was written: a copy under another name is not the store's.
pub(crate) const FILE: &str = "neuroalign.file";
/// When the file was written.
pub(crate) const CREATED_AT: &str = "neuroalign.created_at";
/// On a long table: the index of its rows.
pub(crate) const INDEX: &str = "neuroalign.index";
/// The hashes of the file's column chunks.
pub(crate) const CHUNKS: &str = "neuroalign.chunk_hashes";
/// A name for this state of a long table, new with each write.
pub(crate) const STATE: &str = "neuroalign.state";
/// The regions of a long table, as JSON.
pub(crate) const REGIONS: &str = "neuroalign.regions";
/// What a long table is, as JSON: [`TableKind`](na_model::TableKind).
pub(crate) const TABLE_KIND: &str = "neuroalign.table_kind";
/// The versions of `parcellate` that wrote the files of a long table, as JSON.
pub(crate) const PRODUCERS: &str = "neuroalign.producer_versions";
/// The state of the long table that a feature was made from.
pub(crate) const FROM_STATE: &str = "neuroalign.from_state";
/// What a feature is, as JSON.
pub(crate) const FEATURE: &str = "neuroalign.feature";

/// On `sources.parquet`: the manifest's record that no table shows, as JSON. Every export writes it.
pub(crate) const REMEMBERED: &str = "neuroalign.remembered";
/// On `sources.parquet`: the sessions that no list ever named, as JSON.
pub(crate) const FOUND_BY_FOLDER: &str = "neuroalign.found_by_folder";
/// On `sources.parquet`: what the last run that wrote the store changed, as JSON.
pub(crate) const LAST_RUN: &str = "neuroalign.last_run";

/// On a column of a long table: its origin.
pub(crate) const ORIGIN: &str = "neuroalign.origin";
/// On a column: its name at its origin, if its name in the file differs.
pub(crate) const OWN_NAME: &str = "neuroalign.own_name";
/// On a column of a long table: that no session has a value in it.
pub(crate) const EMPTY: &str = "neuroalign.empty";

/// The version of this program.
pub(crate) const PROGRAM_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The name and version of the library that writes Parquet, as files tell it.
#[must_use]
pub fn parquet_version() -> String {
    WriterProperties::default().created_by().to_owned()
}

/// The keys of every file: when it was written, and by which version.
pub(crate) fn of_writing() -> [(&'static str, String); 2] {
    [(CREATED_AT, now()), (VERSION, PROGRAM_VERSION.to_owned())]
}

/// The current time, ISO 8601 in UTC.
pub(crate) fn now() -> String {
    text_of_time(SystemTime::now())
}

/// A time, ISO 8601 in UTC.
pub(crate) fn text_of_time(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// A name that no other write gets.
pub(crate) fn new_state() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let write = WRITES.fetch_add(1, Ordering::Relaxed);
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}-{write:x}", since_epoch.as_nanos(), std::process::id())
}
