//! The Parquet feature store: what is exported from the cache, merged, verified, and read back.
//!
//! [`FeatureStore`] reads: long tables (all rows, every column), features (one metric of one source, a row a session),
//! TIV and metadata. Each unit comes from Parquet, or from the cache where the cache holds it newer or alone: analysis
//! can start while a load is running, or after a crash. [`export`] writes: it brings a cache's units into the files and
//! commits them with the manifest. What this crate is not: it reads no TSV and knows no session list's file.
//!
//! ```
//! use std::sync::Arc;
//! use arrow::array::{Float64Array, RecordBatch, StringArray};
//! use na_cache::{EncodedTable, EncodedUnit, OwnedCache, OwnerLock, Writer};
//! use na_model::{Modality, ReadAt, Session, SubjectCode, TableName, TivFinding, Unit};
//! use na_store::{CacheExport, FeatureStore, ReadOptions};
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
//! store.export_cache(&CacheExport::default())?;
//! assert_eq!(store.feature_batch("gm_mean", &options)?, committed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Frames come as Polars' [`DataFrame`](polars::frame::DataFrame) (`load_long`, `load_feature`, …) with the default
//! feature `polars`, and as Arrow batches (`scan_long`, `feature_batch`, …) with it and without.

mod catalog;
mod chunk;
mod column_names;
mod completeness;
mod completion;
mod contents;
mod current;
mod decoding;
mod doubles;
mod durable;
mod error;
mod existing;
mod export;
mod file_state;
mod found_by_folder;
mod from_cache;
mod handle;
mod keep_metadata;
mod layout;
mod list_values;
mod long;
mod metadata;
mod newest;
mod notes;
mod observer;
mod open_files;
mod ownership;
mod pages;
mod producers;
mod provenance;
mod read;
mod regions_in_use;
mod remembered;
mod removed;
mod session_columns;
mod sessions_tsv;
mod shared_file;
mod shown;
mod sources;
mod stored_settings;
mod stored_units;
mod table_file;
mod tiv;
mod verification;
mod verify;
mod wide;
mod withdraw;
mod withdrawals_told;

pub use catalog::store_manifest;
pub use contents::contents;
pub use decoding::is_decoding;
pub use durable::create_output;
pub use error::StoreError;
pub use existing::ExistingStore;
pub use export::{ExportReport, ExportRequest, export, finish_commit};
pub use from_cache::{CacheExport, discard_fresh_load, export_cache, settle_cache};
pub use keep_metadata::keep_metadata;
pub use layout::{MANIFEST_FILE, is_store_path};
pub use long::pieces::LARGEST_TEXT;
pub use metadata::{StoredMetadata, stored_metadata};
pub use observer::{ExportObserver, ExportStep, Unobserved};
pub use ownership::check_tables;
pub use read::names::closest as nearest_names;
pub use read::{FeatureInfo, FeatureStore, LongScan, Origin, ReadOptions, StoreSummary};
pub use regions_in_use::{RegionsInUse, regions_in_use};
pub use sessions_tsv::{SessionRow, earlier_outcomes};
pub use sources::{SourceDetail, StoredUnit, for_each_stored_unit};
pub use stored_settings::StoredSettings;
pub use stored_units::{TablesByUnit, stored_units};
pub use verification::{Verification, verify_store};
pub use withdraw::{Mentioned, Withdrawal, named_in_cells, withdraw};
pub use withdrawals_told::WithdrawalsTold;

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
