//! The row ranges of a long table, by session and map.
//!
//! Knows the keys of rows: sessions, maps and regions; no values. The index in a file's footer is the one that its key columns give.
//! Open `index` first, then `file_index`.

pub(crate) mod builder;
pub(crate) mod file_index;
pub(crate) mod index;
pub(crate) mod key_columns;
pub(crate) mod note;
