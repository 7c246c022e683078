//! Reading a store as it is: each unit from Parquet, or from the cache where the cache holds it newer or alone.

mod asked_for;
mod describe;
mod feature_store;
pub(crate) mod found;
#[cfg(feature = "polars")]
mod frames;
mod long_scan;
mod matrix;
pub(crate) mod names;
mod options;
mod snapshot;
pub(crate) mod stamp;
mod values;

pub use describe::{FeatureInfo, StoreSummary};
pub use feature_store::FeatureStore;
pub use long_scan::LongScan;
pub use options::{Origin, ReadOptions};
