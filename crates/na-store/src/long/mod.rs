//! Long tables: all rows of all sessions, every column kept.

pub(crate) mod columns;
pub(crate) mod index;
pub(crate) mod merge;
pub(crate) mod origin;
pub(crate) mod pieces;
pub(crate) mod replaced;
pub(crate) mod row_groups;
