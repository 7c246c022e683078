//! The store that exists in an output folder: its manifest, and the footers and indexes of its long tables, each kept once it is
//! read.
//!
//! Knows every file of `tables`. Whoever plans, exports or reads opens one and hands it on. While its owner holds the lock, its
//! answers do not change. Open `store` first.

pub(crate) mod feature_files;
pub(crate) mod files;
pub(crate) mod long_files;
pub(crate) mod manifest;
pub(crate) mod metadata;
pub(crate) mod settings;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod units;
pub(crate) mod wide_metrics;
