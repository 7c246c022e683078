//! What cached units found of total intracranial volume.

use std::sync::Arc;

use na_cache::CachedUnit;
use na_model::{Session, TivFinding};

/// What cached units found of total intracranial volume, by session.
pub(crate) fn volumes_found(units: &[Arc<CachedUnit>]) -> impl Iterator<Item = (&Session, TivFinding)> {
    let with_volume = units.iter().filter(|unit| unit.unit.kind.has_volume());
    with_volume.map(|unit| (&unit.unit.session, unit.tiv))
}
