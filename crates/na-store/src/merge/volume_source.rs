//! Whose total intracranial volumes a store has: CAT12's or FreeSurfer's, and never both.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use na_cache::CachedUnit;
use na_model::{Removals, Session, TivFinding, TivSource, Unit, UnitKind};

use crate::error::StoreError;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::sessions_by_kind::SessionsByKind;
use crate::tables::sources::stored_unit::SourceDetail;
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

/// What a store has of the total intracranial volumes of one source.
pub(crate) struct StoredVolumes<'a> {
    pub(crate) source: TivSource,
    /// Whose rows it has.
    pub(crate) sessions: &'a SessionsByKind<'a>,
    pub(crate) removals: &'a Removals,
}

impl StoredVolumes<'_> {
    /// Whether a unit is the store's and stays there.
    fn keeps(&self, session: &Session, kind: &UnitKind) -> bool {
        let is_taken = || self.removals.takes_volume(&Unit::new(session.clone(), kind.clone()));
        self.sessions.has(session, kind) && !is_taken()
    }

    /// What cached units found, by session. Of a session's units of several kinds, here and in the store, the first in the source's order
    /// that measured it counts, whichever was read last. `volumes` are the store's.
    pub(crate) fn found<'u>(
        &self,
        units: &'u [Arc<CachedUnit>],
        volumes: &TivTable,
    ) -> HashMap<&'u Session, TivFinding> {
        let mut found: HashMap<&Session, Vec<(usize, TivFinding)>> = HashMap::new();
        for unit in units {
            let place = self.source.unit_kinds().iter().position(|kind| *kind == unit.unit.kind);
            if let Some(place) = place {
                found.entry(&unit.unit.session).or_default().push((place, unit.tiv));
            }
        }
        let one_of = |(session, findings): (&'u Session, Vec<(usize, TivFinding)>)| {
            let is_cached = |place: usize| findings.iter().any(|(of, _)| *of == place);
            let has_volume = volumes.0.contains_key(session);
            let mut kinds = self.source.unit_kinds().iter().enumerate().filter(|_| has_volume);
            let stored_first = kinds.find(|(place, kind)| !is_cached(*place) && self.keeps(session, kind));
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

    /// Takes the volumes that leave the store out of its table. Where a later unit of the session stays that measured it, too, its volume
    /// takes their place.
    ///
    /// # Errors
    /// Files of the store that cannot be read.
    pub(crate) fn take_out(&self, volumes: &mut TivTable, store: &ExistingStore) -> Result<(), StoreError> {
        let kinds = self.source.unit_kinds();
        let mut later: HashSet<Unit> = HashSet::new();
        for (unit, _) in self.removals.iter().filter(|(unit, _)| self.removals.takes_volume(unit)) {
            let Some(place) = kinds.iter().position(|kind| *kind == unit.kind) else { continue };
            match kinds.iter().position(|kind| self.keeps(&unit.session, kind)) {
                None => drop(volumes.0.remove(&unit.session)),
                Some(first) if first < place => {}
                Some(first) => {
                    later.extend(kinds.get(first).map(|kind| Unit::new(unit.session.clone(), kind.clone())))
                }
            }
        }
        if later.is_empty() {
            return Ok(());
        }
        store.for_each_unit(SourceDetail::States, |stored| {
            if later.contains(&stored.unit) {
                match stored.sources.iter().find_map(|source| source.tiv) {
                    Some(volume) => drop(volumes.0.insert(stored.unit.session, volume)),
                    None => drop(volumes.0.remove(&stored.unit.session)),
                }
            }
            Ok(())
        })
    }
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
