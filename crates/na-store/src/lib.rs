//! The Parquet feature store: what analysis reads, and the export that writes it.
//!
//! [`FeatureStore`] reads long tables (all rows, every column), features (one metric of one source: a row a session, a
//! column a region), TIV and metadata. [`export`] brings a cache's units into the files and commits them with the
//! manifest. What this crate is not: it parses no input and no session list.
//!
//! # A tour
//! ```
//! use na_store::{CacheExport, FeatureStore, ReadOptions, Unobserved, export_cache};
//!
//! # use std::sync::Arc;
//! # use arrow_array::{Float64Array, RecordBatch, StringArray, cast::AsArray, types::Float64Type};
//! # use na_cache::{EncodedTable, EncodedUnit, OwnedCache, OwnerLock, Writer};
//! # use na_model::{Modality, ReadAt, Session, SubjectCode, TableName, TivFinding, Unit};
//! # let output = tempfile::tempdir()?;
//! # let output = output.path();
//! # let lock = OwnerLock::acquire(output)?;
//! # let cache = OwnedCache::open_or_create(&lock)?;
//! # let table = RecordBatch::try_from_iter([
//! #     ("label", Arc::new(StringArray::from(vec!["left", "right"])) as _),
//! #     ("mean", Arc::new(Float64Array::from(vec![0.5, 0.25])) as _),
//! # ])?;
//! # let (writer, sender) = Writer::start(&cache, |_| {})?;
//! # sender.send(EncodedUnit {
//! #     unit: Unit::of_parcellate(Session::new(SubjectCode::clean("7")?, None), Modality::Anatomical),
//! #     read_at: ReadAt::now(),
//! #     tiv: TivFinding::Measured(1500.0),
//! #     tables: vec![EncodedTable::encode(TableName::parse("anatomical_gm")?, None, &table)?],
//! #     sources: Vec::new(),
//! # })?;
//! # drop(sender);
//! # writer.finish()?;
//! // A load has committed one session to the folder's cache: it can be read at once.
//! let store = FeatureStore::open(output)?;
//! assert_eq!(store.list_features(None)?, ["gm_mean", "tiv"]);
//! let options = ReadOptions::default().with_tiv();
//! let means = store.feature_batch("gm_mean", &options)?;
//! assert_eq!(means["left"].as_primitive::<Float64Type>().value(0), 0.5);
//! # drop(cache);
//! # drop(lock);
//!
//! // An export brings it into Parquet. What a reader sees stays the same.
//! export_cache(output, &CacheExport::default(), &Unobserved)?;
//! assert_eq!(store.feature_batch("gm_mean", &options)?, means);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Frames come as Polars' [`DataFrame`](polars::frame::DataFrame) (`load_long`, `load_feature`, …) with the default
//! feature `polars`, and as Arrow batches (`scan_long`, `feature_batch`, …) with it and without.
//!
//! # What a reader sees
//! - One state: a call never mixes what was there before an export or a commit with what came after.
//! - All that was committed, each map of a table once: from Parquet, or from the cache if that alone has it or read it
//!   later. A load may be running, or may have been killed.
//! - The same through the cache as after an export: rows, their order, columns, types, and every bit of a value.
//! - The bits that a file's text stands for. What was missing is null, never 0 and never NaN.
//! - A row a session in features, TIV and metadata. Features are sorted by subject and session, their columns by the
//!   regions' names; TIV and metadata have the session list's order, and who left the list comes behind.
//! - Nobody who withdrew.
//!
//! # Errors
//! [`StoreError`] says which file is not what it should be, where, and the way out. A file is never read as something
//! else than it is: one that is damaged, or that a newer version wrote, is an error and not an empty table.
//!
//! # Rooms, from the ground up
//!
//! | room | holds |
//! |---|---|
//! | `format` | the bytes of one file |
//! | `tables` | each file of a store, and [`ExistingStore`]: all of them as they are |
//! | `merge` | a store and its cache as one |
//! | `seal` | moves what a load commits from the cache's database to parts |
//! | `export` | writes what that gives |
//! | `read` | reads what that gives |
//! | `verification` | compares the files with their hashes, the manifest and each other |
//! | `withdraw` | takes participants out of every file |
#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![deny(clippy::print_stdout)]

mod error;
mod export;
mod format;
mod merge;
mod read;
mod seal;
mod tables;
mod verification;
mod withdraw;

pub use error::StoreError;
pub use export::carry_metadata::keep_metadata;
pub use export::clear::clear_cache;
pub use export::fresh_load::{check_fresh_load, discard_fresh_load, settle_cache};
pub use export::from_cache::{CacheExport, export_cache};
pub use export::job::{export, finish_commit};
pub use export::observer::{ExportObserver, ExportStep, Unobserved};
pub use export::request::{ExportReport, ExportRequest};
pub use format::atomic_file::replace_file;
pub use format::column_encoder::LARGEST_TEXT;
pub use format::decoder_panic::is_decoding;
pub use format::file_changes::create_output;
pub use format::key_value_metadata::parquet_version;
pub use merge::known_regions::{Contradiction, KnownRegions};
pub use merge::regions_in_use::{RegionsInUse, regions_in_use};
pub use merge::segments::{LeftOut, join_all_segments, join_segments, joined_listing};
pub use merge::table_inputs::TableInputs;
pub use read::describe::{FeatureInfo, StoreSummary};
pub use read::feature_outline::FeatureOutline;
pub use read::feature_store::FeatureStore;
pub use read::long_scan::LongScan;
pub use read::options::{Origin, ReadOptions};
pub use read::store_view::StoreView;
pub use read::suggest::closest as nearest_names;
pub use seal::orphaned_parts::delete_orphaned_parts;
pub use seal::recovery::recover_parts;
pub use seal::sealer::{Committed, Sealer};
pub use tables::existing_store::metadata::StoredMetadata;
pub use tables::existing_store::settings::StoredSettings;
pub use tables::existing_store::status::{SessionCounts, StoreStatus};
pub use tables::existing_store::store::ExistingStore;
pub use tables::existing_store::units::TablesByUnit;
pub use tables::paths::is_store_path;
pub use tables::report_page::{REPORT_END, REPORT_FILE, REPORT_MARK, report_state};
pub use tables::run_changes::{ChangedUnits, RunChanges};
pub use tables::runs::{RunCounts, RunEntry};
pub use tables::sessions_tsv::SessionRow;
pub use tables::sources::stored_unit::{SourceDetail, StoredUnit};
pub use tables::withdrawals::{Withdrawal, WithdrawalsTold};
pub use verification::{Verification, verify_store};
pub use withdraw::mentioned::Mentioned;
pub use withdraw::named_cells::named_in_cells;
pub use withdraw::withdrawal::withdraw;
