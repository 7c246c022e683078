//! Exports the cache into Parquet: merge, write, verify, commit, and only then delete the cache.
//!
//! Knows `format`, `tables`, `merge` and the cache. Whenever an export is cut short, the store is the old one or the new one, and the cache
//! has what Parquet lacks. Open `job` first, then `steps`, and `commit` for the instant.

pub(crate) mod background_commit;
pub(crate) mod carry_metadata;
pub(crate) mod clear;
pub(crate) mod commit;
pub(crate) mod destination;
pub(crate) mod feature_splice;
pub(crate) mod feature_writer;
pub(crate) mod fresh_load;
pub(crate) mod from_cache;
pub(crate) mod holdings;
pub(crate) mod job;
pub(crate) mod long_writer;
pub(crate) mod metric_values;
pub(crate) mod observer;
pub(crate) mod pandas_cache;
pub(crate) mod plan;
pub(crate) mod provenance;
pub(crate) mod request;
pub(crate) mod row_group_action;
pub(crate) mod sources_writer;
pub(crate) mod steps;
pub(crate) mod unlisted_sessions;
pub(crate) mod up_to_date;
pub(crate) mod verify;
