//! Removes participants who withdrew from a store: nothing of them is left in any of its files.
//!
//! Knows `format`, `tables`, `export` and the cache. Logs, copies and backups are out of reach; text of other people that names somebody is
//! reported, not changed. Open `withdrawal` first, then `mentioned`.

pub(crate) mod mentioned;
pub(crate) mod named_cells;
pub(crate) mod withdrawal;
