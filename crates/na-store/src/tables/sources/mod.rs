//! Where every value comes from: `sources.parquet`, a row a source file.
//!
//! Knows the key columns alone. A column that an earlier version did not write reads as null. Open `columns` first, then
//! `stored_unit` for reading and `batch` for writing.

pub(crate) mod batch;
pub(crate) mod columns;
pub(crate) mod stored_unit;
