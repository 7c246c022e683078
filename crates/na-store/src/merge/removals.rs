//! Takes what leaves the store out of the cache's units and the lists of files.

use na_cache::CachedUnit;
use na_model::{Leaving, Removals, SourceFile, TivFinding, Unit};

/// Takes what leaves the store out of a cache's units: a cache that stays must not bring it back.
pub(crate) fn take_out_of_cache(units: &mut Vec<CachedUnit>, removals: &Removals) {
    if removals.is_empty() {
        return;
    }
    units.retain(|unit| !removals.takes_unit(&unit.unit));
    for CachedUnit { unit, tables, tiv, .. } in units {
        tables.retain(|info| !removals.takes_table(unit, &info.table, info.map.as_ref()));
        if removals.takes_volume(unit) {
            *tiv = TivFinding::Unknown;
        }
    }
}

/// Returns those of a unit's files that stay.
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
pub(crate) fn brings_nothing(unit: &CachedUnit) -> bool {
    unit.tables.is_empty() && !matches!(unit.tiv, TivFinding::Measured(_))
}
