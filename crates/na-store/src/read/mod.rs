//! Reads a store: each unit from Parquet, or from the cache if that holds it newer or alone.
//!
//! Knows `format`, `tables`, `merge` and the cache, and nothing of `export`: a reader writes nothing. Every call sees one state of
//! the store, whatever is exported meanwhile. Open `feature_store` first, then `snapshot`.

pub(crate) mod align;
pub(crate) mod describe;
pub(crate) mod feature_lookup;
pub(crate) mod feature_outline;
pub(crate) mod feature_store;
pub(crate) mod feature_values;
pub(crate) mod long_scan;
pub(crate) mod long_values;
pub(crate) mod options;
#[cfg(feature = "polars")]
pub(crate) mod polars_frames;
pub(crate) mod row_reader;
pub(crate) mod scan_columns;
pub(crate) mod selection;
mod session_rows;
mod sidecar_columns;
pub(crate) mod snapshot;
pub(crate) mod store_view;
pub(crate) mod suggest;
