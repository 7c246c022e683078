//! The bytes of one table of one unit. Knows Arrow and the names of columns; no SQL, no session.
//!
//! Promises that every bit of a table survives, and that damaged bytes are an error or other values and nothing worse.
//! Open [`blob`] first: it has the byte table.

pub(crate) mod blob;
pub(crate) mod column_codec;
pub(crate) mod column_set;
pub(crate) mod frame;
pub(crate) mod region_columns;
