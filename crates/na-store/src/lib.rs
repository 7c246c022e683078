//! The Parquet feature store: what is exported from the cache, merged, verified, and read back.
//!
//! [`export`] brings the units of a cache into the store's files: long tables (all rows, every column), features (one
//! metric of one source, a row a session), TIV, metadata, sources and the manifest, which is the commit point. What
//! this crate is not: it reads no TSV and knows no session list's file.
//!
//! ```
//! use na_cache::{OwnedCache, OwnerLock, RunRecord};
//! use na_model::{Compression, ExportSettings, Listing, Modality, WideMetrics};
//! use na_store::{ExportRequest, Unobserved, export};
//!
//! let output = tempfile::tempdir()?;
//! let lock = OwnerLock::acquire(output.path())?;
//! let cache = OwnedCache::open_or_create(&lock)?;
//! let settings = ExportSettings {
//!     atlas_name: "4S456Parcels".to_owned(),
//!     wide_metrics: WideMetrics::Default,
//!     compression: Compression::Zstd,
//! };
//! let record = RunRecord { settings, listing: Listing::default(), modalities: Modality::ALL.to_vec() };
//! let request = ExportRequest { record, outcomes: Vec::new(), keep_cache: false };
//! let report = export(&lock, Some(cache), &request, &Unobserved)?;
//! assert_eq!(report.manifest.n_sessions, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod catalog;
mod clear;
mod completeness;
mod current;
mod durable;
mod error;
mod export;
mod from_cache;
mod keep_metadata;
mod layout;
mod long;
mod metadata;
mod notes;
mod producers;
mod read;
mod session_columns;
mod sessions_tsv;
mod shared_file;
mod sources;
mod table_file;
mod tiv;
mod verify;
mod wide;

pub use catalog::store_manifest;
pub use clear::{clear, contents};
pub use current::is_current;
pub use error::StoreError;
pub use export::{
    ExportObserver, ExportReport, ExportRequest, ExportStep, Unobserved, export, store_atlas, store_regions,
    store_wide_metrics,
};
pub use from_cache::{CacheExport, export_cache};
pub use keep_metadata::keep_metadata;
pub use layout::MANIFEST_FILE;
pub use read::{FeatureInfo, FeatureStore, LongScan, Origin, ReadOptions, StoreSummary};
pub use sessions_tsv::SessionRow;
pub use sources::{StoredUnit, for_each_stored_unit};

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
