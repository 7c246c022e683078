//! What a cache holds, read. Knows the database and the bytes of tables; changes nothing.
//!
//! Promises that a snapshot is of one instant, and that a damaged cache is an error that says so. Open [`cache`] first:
//! it says everything that a cache can be asked.

pub(crate) mod book;
pub(crate) mod cache;
pub(crate) mod cached_kinds;
pub(crate) mod cached_table;
pub(crate) mod cached_unit;
pub(crate) mod export_commit;
pub(crate) mod joined_outcomes;
pub(crate) mod joined_record;
pub(crate) mod joined_sources;
pub(crate) mod joined_units;
pub(crate) mod mentions;
pub(crate) mod row_conversions;
pub(crate) mod run_record;
pub(crate) mod sealed_part;
pub(crate) mod status;
pub(crate) mod table_form;
