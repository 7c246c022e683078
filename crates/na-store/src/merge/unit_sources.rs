//! The files that a unit's values come from, where the store and the cache each have some.

use std::collections::HashMap;
use std::sync::Arc;

use na_cache::CachedUnit;
use na_model::{Modality, Session, SourceFile, SourceKind, TivFinding};

/// The files of a unit that the store and the cache have: those of each map's table from where its rows come from, and
/// those of total intracranial volume from where that does.
pub(crate) fn together(
    stored: Vec<SourceFile>,
    cached: Vec<SourceFile>,
    unit: &CachedUnit,
) -> Vec<SourceFile> {
    let comes_from_cache = |source: &SourceFile| {
        let table = source.table_name();
        unit.tables.iter().any(|info| Some(&info.table) == table.as_ref() && info.map == source.map)
    };
    let is_kept = unit.tiv == TivFinding::Kept;
    let later_in = |files: &[SourceFile], source: &SourceFile, or_equal: bool| {
        let same = files.iter().find(|other| other.kind == SourceKind::Tiv && other.path == source.path);
        same.is_some_and(|other| {
            other.read_at > source.read_at || (or_equal && other.read_at == source.read_at)
        })
    };
    let volumes: HashMap<String, Option<f64>> =
        stored.iter().map(|source| (source.path.clone(), source.tiv)).collect();
    let (stays, comes): (Vec<bool>, Vec<bool>) = (
        stored
            .iter()
            .map(|source| match source.kind {
                SourceKind::Tiv => is_kept && !later_in(&cached, source, true),
                _ => !comes_from_cache(source),
            })
            .collect(),
        cached
            .iter()
            .map(|source| match source.kind {
                SourceKind::Tiv => !is_kept || !later_in(&stored, source, false),
                _ => comes_from_cache(source),
            })
            .collect(),
    );
    let chosen = |files: Vec<SourceFile>, chosen: Vec<bool>| -> Vec<SourceFile> {
        files.into_iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(source, _)| source).collect()
    };
    let (mut all, mut new) = (chosen(stored, stays), chosen(cached, comes));
    // One file has the volume: the other side's is not the store's.
    for source in &mut new {
        if is_kept {
            source.tiv = volumes.get(&source.path).copied().flatten();
        }
    }
    all.iter_mut().filter(|_| !is_kept).for_each(|source| source.tiv = None);
    all.append(&mut new);
    all
}

/// What a cache's units found of total intracranial volumes.
pub(crate) fn volumes_found(units: &[Arc<CachedUnit>]) -> impl Iterator<Item = (&Session, TivFinding)> {
    let anatomical = units.iter().filter(|unit| unit.unit.modality == Modality::Anatomical);
    anatomical.map(|unit| (&unit.unit.session, unit.tiv))
}
