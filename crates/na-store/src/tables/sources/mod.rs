//! The source files of every value: `sources.parquet`, a row a source file.
//!
//! Knows only the key columns of other tables. A column that an earlier version did not write reads as null. Open `columns`
//! first, then `stored_unit` for reading and `batch` for writing.

pub(crate) mod batch;
pub(crate) mod columns;
pub(crate) mod stored_unit;
