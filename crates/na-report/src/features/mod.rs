//! What the values of features say: of each region, of each session, and of the whole.
//!
//! Knows `statistics` and `cohort`. One feature is in memory at a time for each thread, and of a large cohort a part of it: what stays
//! grows with sessions times features, and with features times regions, never with sessions times regions. Open `analysis` first.

pub(crate) mod analysis;
pub(crate) mod deviations;
pub(crate) mod feature;
pub(crate) mod headline;
pub(crate) mod matrix;
pub(crate) mod regions;
pub(crate) mod version_shift;
