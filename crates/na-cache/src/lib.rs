//! The write-ahead store in front of the Parquet store: SQLite makes each unit durable the moment it is read.
//!
//! A unit is one session of one kind of input. Loading threads encode units ([`EncodedUnit`]); a single [`Writer`] commits
//! whatever units wait in one synced transaction; an export reads them back ([`Cache`]). A table is a blob of compressed
//! columns, never a row a region.
//!
//! Rows can move from the database to *parts*, files beside the long tables ([`SealedPart`]), so that the database stays
//! small: it then knows where they are.
//!
//! Processes that share an output with any number of others write *segments* instead ([`SegmentWriter`]): closed databases of the same
//! schema, each published by a rename and never changed after it. [`Cache::with_segments`] reads them together with the database.
//!
//! What this crate is not: it knows no input format and no Parquet, and it decides nothing about what is exported. The bytes
//! of a part, and the footers of its row groups, are others' to write and to read.
//!
//! # What it promises
//! - A unit is one transaction: all its tables, the fingerprints of its sources and its completion mark, or nothing. A
//!   unit that the writer's callback gets survives `kill -9` and a power cut.
//! - One owner an output. What changes a cache takes an [`OwnerLock`] or an [`OwnedCache`], and nothing is committed once
//!   the lock is lost.
//! - A segment is whole, or has no name. Its writers need no lock, and whoever merges deletes exactly those that it listed.
//! - Reading changes nothing but to roll back a commit that a crash cut short, and never waits for the owner where the
//!   file system has a write-ahead log.
//! - Only a database that bears this program's mark, or that the pandas package left, is written to or deleted.
//!
//! # A tour
//! ```
//! use std::sync::Arc;
//! use arrow_array::{Float64Array, RecordBatch, StringArray};
//! use na_cache::{Cache, EncodedTable, EncodedUnit, OwnedCache, OwnerLock, Writer};
//! use na_model::{Modality, ReadAt, Session, SubjectCode, TableName, TivFinding, Unit};
//!
//! let output = tempfile::tempdir()?;
//! let lock = OwnerLock::acquire(output.path())?;
//! let cache = OwnedCache::open_or_create(&lock)?;
//!
//! let batch = RecordBatch::try_from_iter([
//!     ("label", Arc::new(StringArray::from(vec!["left", "right"])) as _),
//!     ("mean", Arc::new(Float64Array::from(vec![0.5, 0.25])) as _),
//! ])?;
//! let unit = Unit::of_parcellate(Session::new(SubjectCode::clean("7")?, None), Modality::Anatomical);
//! let (writer, sender) = Writer::start(&cache, |unit| println!("{} is safe", unit.unit))?;
//! sender.send(EncodedUnit {
//!     unit: unit.clone(),
//!     read_at: ReadAt::now(),
//!     tiv: TivFinding::Measured(1500.0),
//!     tables: vec![EncodedTable::encode(TableName::parse("anatomical_gm")?, None, &batch)?],
//!     sources: Vec::new(),
//! })?;
//! drop(sender);
//! writer.finish()?;
//!
//! let reader = Cache::open_existing(output.path())?.expect("there is a cache");
//! assert_eq!(reader.status()?.anatomical_sessions, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Rooms, from the ground up
//! - `cancel`, `holder_name`, `error`: cancellation, the name of a process, and the one error type.
//! - `lock`: the owner's lock. `format`: the bytes of one table; `format/blob.rs` has the byte table. They do not know each
//!   other.
//! - `db`: the SQLite database, its files and schema, and how it is opened and recovered.
//! - `segment`: the folder of segments, and their names.
//! - `read`: everything that a cache can be asked, in `read/cache.rs`.
//! - `write`: everything that its owner may do; the commit point of a unit is in `write/unit_writer.rs`, and of those that have no lock in
//!   `write/segment_writer.rs`.
//! - `legacy`: caches that the pandas package left.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![deny(clippy::print_stdout)]

mod cancel;
mod db;
mod error;
mod format;
mod holder_name;
mod legacy;
mod lock;
mod read;
mod segment;
mod write;

pub use cancel::Cancel;
pub use db::database::sqlite_version;
pub use db::files::{CACHE_FILE, TAKEN_OVER_FILE};
pub use error::{CacheError, HeldBy};
pub use format::region_columns::RegionColumns;
pub use holder_name::HolderName;
pub use legacy::cache_status::cache_status;
pub use legacy::pandas_cache::{PandasCache, PandasRead, PandasUnit, PandasUnits, TakenUnit};
pub use legacy::withdraw::withdraw_from_pandas_cache;
pub use lock::lock_file::LOCK_FILE;
pub use lock::owner_lock::{Claim, OwnerLock};
pub use lock::ownership::Ownership;
pub use read::cache::Cache;
pub use read::cached_kinds::CachedKinds;
pub use read::cached_table::CachedTable;
pub use read::cached_unit::{CachedTableInfo, CachedUnit};
pub use read::export_commit::Commit;
pub use read::joined_sources::joined_sources;
pub use read::run_record::RunRecord;
pub use read::sealed_part::{PartExport, SealKey, SealedPart, is_part_name};
pub use read::status::CacheStatus;
pub use read::table_form::TableForm;
pub use segment::listing::{RefusedSegment, SEGMENTS_FOLDER, Segments};
pub use segment::name::SegmentName;
pub use write::encoded_unit::{EncodedTable, EncodedUnit};
pub use write::new_seal::{NewSeal, ReplacedPart};
pub use write::owned_cache::OwnedCache;
pub use write::segment_run::{SegmentLimits, SegmentRun};
pub use write::segment_withdrawal::{delete_damaged_segments, withdraw_from_segments};
pub use write::segment_writer::SegmentWriter;
pub use write::unit_writer::{UnitSender, Writer};
