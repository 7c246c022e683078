//! Long tables: all rows of all sessions, every column kept.

pub(crate) mod columns;
pub(crate) mod index;
pub(crate) mod merge;
pub(crate) mod pieces;
