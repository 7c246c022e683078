//! Merges store, cache and segments: of two versions of a map, the newer counts.
//!
//! Knows `format`, `tables` and the cache. Export and reading both decide here, so that a read before an export equals what the
//! export writes. Open `long_merge` first, then `pivot`.

pub(crate) mod known_regions;
pub(crate) mod listed_sessions;
pub(crate) mod long_merge;
pub(crate) mod merged_file;
pub(crate) mod merged_sources;
pub(crate) mod pivot;
pub(crate) mod producer_versions;
pub(crate) mod regions_in_use;
pub(crate) mod removals;
pub(crate) mod replaced_maps;
pub(crate) mod run_record;
pub(crate) mod sealed_parts;
pub(crate) mod segments;
pub(crate) mod table_inputs;
pub(crate) mod unit_status;
pub(crate) mod unit_versions;
pub(crate) mod volume_source;
