//! Whose total intracranial volumes a store has: CAT12's or FreeSurfer's, and never both.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};
use na_cache::CachedUnit;
use na_model::{Session, TivFinding, TivSource};

use crate::error::StoreError;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::tiv::TivTable;

/// Whose volumes a store has, or is going to have: those that it has, or else those that are asked for, or else CAT12's if any unit has
/// one.
///
/// # Errors
/// [`StoreError::OtherVolumes`] if others are asked for than the store has.
pub(crate) fn volume_source(
    store: Option<&ExistingStore>,
    asked: Option<TivSource>,
    units: &[Arc<CachedUnit>],
) -> Result<TivSource, StoreError> {
    let stored = store.map(|store| store.check_volumes(asked)).transpose()?.flatten();
    let has = |source: &TivSource| units.iter().any(|unit| measured(unit, *source).is_some());
    let found = || TivSource::ALL.into_iter().find(has);
    Ok(stored.or(asked).or_else(found).unwrap_or_default())
}

/// What cached units found of the total intracranial volumes of one source, by session.
pub(crate) fn volumes_found(
    units: &[Arc<CachedUnit>],
    source: TivSource,
) -> impl Iterator<Item = (&Session, TivFinding)> {
    let of_source = units.iter().filter(move |unit| unit.unit.kind.volume_of() == Some(source));
    of_source.map(|unit| (&unit.unit.session, unit.tiv))
}

/// What to say of cached sessions that have another source's volume, and none of the store's.
pub(crate) fn note_of_others(
    units: &[Arc<CachedUnit>],
    source: TivSource,
    volumes: &TivTable,
) -> Option<String> {
    let other = TivSource::ALL.into_iter().find(|other| *other != source)?;
    let mut without: HashMap<&Session, f64> = HashMap::new();
    for unit in units.iter().filter(|unit| !volumes.0.contains_key(&unit.unit.session)) {
        if let Some(volume) = measured(unit, other) {
            without.insert(&unit.unit.session, volume);
        }
    }
    let first = without.keys().min()?;
    Some(format!(
        "{} sessions, such as {first}, have a total intracranial volume of {other} alone, and none in the store: its volumes are those of \
         {source}, and the two are not comparable; for those of {other}, load with --tiv-from {other} into another --output, or with --force",
        without.len()
    ))
}

fn measured(unit: &CachedUnit, source: TivSource) -> Option<f64> {
    match unit.tiv {
        TivFinding::Measured(volume) if unit.unit.kind.volume_of() == Some(source) => Some(volume),
        _ => None,
    }
}
