//! What a store and a cache hold together: of two versions of a map, the newer.
//!
//! Knows `tables` and the cache. Export and reading both decide here, so that what is read before an export equals what it
//! writes. Open `long_merge` first, then `pivot`.

pub(crate) mod long_merge;
pub(crate) mod pivot;
pub(crate) mod producer_versions;
pub(crate) mod regions_in_use;
pub(crate) mod removals;
pub(crate) mod replaced_maps;
pub(crate) mod run_record;
pub(crate) mod unit_sources;
pub(crate) mod unit_versions;
