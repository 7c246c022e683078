//! Whose total intracranial volumes a store has: CAT12's or FreeSurfer's, and never both.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};
use na_cache::CachedUnit;
use na_model::{Removals, Session, TivFinding, TivSource, Unit};

use crate::error::StoreError;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::sessions_by_kind::SessionsByKind;
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

/// What cached units found of the total intracranial volumes of one source, by session. Of a session's units of several kinds, here and in
/// the store, the first in the source's order that measured it counts, whichever was read last. `volumes` are the store's.
pub(crate) fn volumes_found<'u>(
    units: &'u [Arc<CachedUnit>],
    source: TivSource,
    stored: &SessionsByKind<'_>,
    volumes: &TivTable,
) -> HashMap<&'u Session, TivFinding> {
    let mut found: HashMap<&Session, Vec<(usize, TivFinding)>> = HashMap::new();
    for unit in units {
        let place = source.unit_kinds().iter().position(|kind| *kind == unit.unit.kind);
        if let Some(place) = place {
            found.entry(&unit.unit.session).or_default().push((place, unit.tiv));
        }
    }
    let one_of = |(session, findings): (&'u Session, Vec<(usize, TivFinding)>)| {
        let is_cached = |place: usize| findings.iter().any(|(of, _)| *of == place);
        let has_volume = volumes.0.contains_key(session);
        let mut kinds = source.unit_kinds().iter().enumerate().filter(|_| has_volume);
        let stored_first = kinds.find(|(place, kind)| !is_cached(*place) && stored.has(session, kind));
        let stored_first = stored_first.map(|(place, _)| place);
        let measured = findings.iter().filter(|(_, finding)| matches!(finding, TivFinding::Measured(_)));
        let finding = match measured.min_by_key(|(place, _)| *place) {
            Some((place, _)) if stored_first.is_some_and(|first| first < *place) => TivFinding::Kept,
            Some((_, measured)) => *measured,
            None if stored_first.is_some() => TivFinding::Kept,
            None if findings.iter().any(|(_, finding)| *finding == TivFinding::Kept) => TivFinding::Kept,
            None => TivFinding::Unknown,
        };
        (session, finding)
    };
    found.into_iter().map(one_of).collect()
}

/// Takes the volumes that leave the store out of its table, which is of one source.
pub(crate) fn take_out_volumes(
    volumes: &mut TivTable,
    removals: &Removals,
    source: TivSource,
    stored: &SessionsByKind<'_>,
) {
    let leaves = |unit: &Unit| {
        removals.takes_volume(unit)
            && unit.kind.volume_of() == Some(source)
            && !has_another(unit, source, removals, stored)
    };
    for (unit, _) in removals.iter().filter(|(unit, _)| leaves(unit)) {
        volumes.0.remove(&unit.session);
    }
}

/// Whether the store keeps rows of another unit that has the volume of a session, too.
fn has_another(unit: &Unit, source: TivSource, removals: &Removals, stored: &SessionsByKind<'_>) -> bool {
    let mut others = source.unit_kinds().iter().filter(|kind| **kind != unit.kind);
    others.any(|kind| {
        let other = Unit::new(unit.session.clone(), kind.clone());
        stored.has(&unit.session, kind) && !removals.takes_volume(&other)
    })
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
