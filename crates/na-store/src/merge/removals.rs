//! A store without what leaves it: the cache's units, the volumes, the files that are known.

use na_cache::CachedUnit;
use na_model::{Leaving, Removals, SourceFile, TivFinding, Unit};

use crate::tables::tiv::TivTable;

/// Takes out of a cache's units what leaves the store: a cache that stays must not bring it back.
pub(crate) fn take_out_of_cache(units: &mut Vec<CachedUnit>, removals: &Removals) {
    if removals.is_empty() {
        return;
    }
    units.retain(|unit| !removals.takes_unit(&unit.unit));
    for unit in units {
        let session = &unit.unit.session;
        unit.tables.retain(|info| !removals.takes_table(session, &info.table, info.map.as_ref()));
        if removals.takes_volume(&unit.unit) {
            unit.tiv = TivFinding::Unknown;
        }
    }
}

/// Takes the volumes out that leave the store.
pub(crate) fn take_out_volumes(volumes: &mut TivTable, removals: &Removals) {
    for (unit, _) in removals.iter().filter(|(unit, _)| removals.takes_volume(unit)) {
        volumes.0.remove(&unit.session);
    }
}

/// What stays of the files that a unit was read from.
pub(crate) fn sources_that_stay(
    unit: &Unit,
    mut sources: Vec<SourceFile>,
    removals: &Removals,
) -> Vec<SourceFile> {
    match removals.of(unit) {
        None => {}
        Some(Leaving::All) => sources.clear(),
        Some(Leaving::Parts(parts)) => parts.take_out(&mut sources),
    }
    sources
}

/// Whether a cached unit brings neither a table nor a volume.
pub(crate) fn is_of_nothing(unit: &CachedUnit) -> bool {
    unit.tables.is_empty() && !matches!(unit.tiv, TivFinding::Measured(_))
}
