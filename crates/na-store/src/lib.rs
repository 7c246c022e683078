//! The Parquet feature store: exports the cache, merges, verifies, and reads back.
//!
//! [`FeatureStore`] reads: long tables (all rows, every column), features (one metric of one source, a row a session),
//! TIV and metadata. Each unit comes from Parquet, or from the cache if that holds it newer or alone: analysis can start
//! while a load is running, or after a crash. [`export`] writes: it brings a cache's units into the files and commits
//! them with the manifest. Each call reads one consistent state, whatever is written meanwhile. What this crate is not: it
//! reads no TSV and no session list.
//!
//! ```
//! use std::sync::Arc;
//! use arrow::array::{Float64Array, RecordBatch, StringArray};
//! use na_cache::{EncodedTable, EncodedUnit, OwnedCache, OwnerLock, Writer};
//! use na_model::{Modality, ReadAt, Session, SubjectCode, TableName, TivFinding, Unit};
//! use na_store::{CacheExport, FeatureStore, ReadOptions, Unobserved, export_cache};
//!
//! // A load commits a unit to the cache …
//! let output = tempfile::tempdir()?;
//! let lock = OwnerLock::acquire(output.path())?;
//! let cache = OwnedCache::open_or_create(&lock)?;
//! let batch = RecordBatch::try_from_iter([
//!     ("label", Arc::new(StringArray::from(vec!["left", "right"])) as _),
//!     ("mean", Arc::new(Float64Array::from(vec![0.5, 0.25])) as _),
//! ])?;
//! let (writer, sender) = Writer::start(&cache, |_| {})?;
//! sender.send(EncodedUnit {
//!     unit: Unit::new(Session::new(SubjectCode::clean("7")?, None), Modality::Anatomical),
//!     read_at: ReadAt::now(),
//!     tiv: TivFinding::Measured(1500.0),
//!     tables: vec![EncodedTable::encode(TableName::parse("anatomical_gm")?, None, &batch)?],
//!     sources: Vec::new(),
//! })?;
//! drop(sender);
//! writer.finish()?;
//!
//! // … and it can be read at once, as it can after an export.
//! let store = FeatureStore::open(output.path())?;
//! let options = ReadOptions::default().with_tiv();
//! let committed = store.feature_batch("gm_mean", &options)?;
//! drop(cache);
//! drop(lock);
//! export_cache(output.path(), &CacheExport::default(), &Unobserved)?;
//! assert_eq!(store.feature_batch("gm_mean", &options)?, committed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Its modules, from the ground up: `format` knows the bytes of one file, `tables` each file of a store, `merge` brings a
//! store and its cache together, `export` writes and `read` reads what that gives, `verification` checks the files, and
//! `withdraw` takes participants out of all of them.
//!
//! Frames come as Polars' [`DataFrame`](polars::frame::DataFrame) (`load_long`, `load_feature`, …) with the default
//! feature `polars`, and as Arrow batches (`scan_long`, `feature_batch`, …) with it and without.
#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![deny(clippy::print_stdout)]

mod error;
mod export;
mod format;
mod merge;
mod read;
mod tables;
mod verification;
mod withdraw;

pub use error::StoreError;
pub use export::carry_metadata::keep_metadata;
pub use export::clear::clear_cache;
pub use export::fresh_load::{discard_fresh_load, settle_cache};
pub use export::from_cache::{CacheExport, export_cache};
pub use export::job::{export, finish_commit};
pub use export::observer::{ExportObserver, ExportStep, Unobserved};
pub use export::request::{ExportReport, ExportRequest};
pub use format::decoder_panic::is_decoding;
pub use format::file_changes::create_output;
pub use format::parquet_writer::LARGEST_TEXT;
pub use merge::regions_in_use::{RegionsInUse, regions_in_use};
pub use read::describe::{FeatureInfo, StoreSummary};
pub use read::feature_store::FeatureStore;
pub use read::long_scan::LongScan;
pub use read::options::{Origin, ReadOptions};
pub use read::suggest::closest as nearest_names;
pub use tables::existing_store::metadata::StoredMetadata;
pub use tables::existing_store::settings::StoredSettings;
pub use tables::existing_store::store::ExistingStore;
pub use tables::existing_store::units::TablesByUnit;
pub use tables::paths::is_store_path;
pub use tables::sessions_tsv::SessionRow;
pub use tables::sources::stored_unit::{SourceDetail, StoredUnit};
pub use tables::withdrawals::{Withdrawal, WithdrawalsTold};
pub use verification::{Verification, verify_store};
pub use withdraw::mentioned::Mentioned;
pub use withdraw::named_cells::named_in_cells;
pub use withdraw::withdrawal::withdraw;
