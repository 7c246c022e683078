//! What session lists say of the sessions in a store: `metadata.parquet`.
//!
//! Knows the files of long tables, from which it takes over what the pandas package put there alone. A value that a list
//! gives is never lost to a narrower type. Open `table` first.

pub(crate) mod cell_types;
pub(crate) mod column;
pub(crate) mod pandas_columns;
pub(crate) mod table;
mod take_over;
