//! A store as it is found: its manifest, its long tables' footers and indexes, each read once.
//!
//! Knows every file of `tables`. Whoever plans, exports or reads opens one and hands it on; what it answers does not change
//! while its owner holds the lock. Open `store` first.

pub(crate) mod files;
pub(crate) mod long_files;
pub(crate) mod manifest;
pub(crate) mod metadata;
pub(crate) mod settings;
pub(crate) mod store;
pub(crate) mod units;
pub(crate) mod wide_metrics;
