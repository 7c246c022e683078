//! Segments: closed databases beside the cache, each written once by one process and published by a rename. Knows the
//! folder and the names, and no database.
//!
//! Promises that a listing is of names alone, and that only what is named in one is deleted. Open [`listing`] first.

pub(crate) mod listing;
pub(crate) mod name;
