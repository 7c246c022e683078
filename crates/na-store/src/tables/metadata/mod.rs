//! The session lists' cells for the sessions of a store: `metadata.parquet`.
//!
//! Knows the files of long tables, from which it takes over columns that the pandas package put there alone. A narrower type
//! never takes a value away. Open `table` first.

pub(crate) mod cell_types;
pub(crate) mod column;
mod listed_cells;
pub(crate) mod pandas_columns;
pub(crate) mod table;
mod take_over;
