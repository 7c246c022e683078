//! What cached units found of total intracranial volume.

use std::sync::Arc;

use na_cache::CachedUnit;
use na_model::{Modality, Session, TivFinding};

/// What cached units found of total intracranial volume, by session.
pub(crate) fn volumes_found(units: &[Arc<CachedUnit>]) -> impl Iterator<Item = (&Session, TivFinding)> {
    let anatomical = units.iter().filter(|unit| unit.unit.modality == Modality::Anatomical);
    anatomical.map(|unit| (&unit.unit.session, unit.tiv))
}
