//! Taking participants out of a store who withdrew: nothing of them is left in any of its files.
//!
//! Knows all but `read`. Logs, copies and backups are not reached, and text of other people that names somebody is told, not
//! changed. Open `withdrawal` first, then `mentioned`.

pub(crate) mod mentioned;
pub(crate) mod named_cells;
pub(crate) mod withdrawal;
