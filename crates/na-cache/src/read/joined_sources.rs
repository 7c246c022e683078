//! Joins what is known of a unit's files from two sides: an older one, as a store or segment has it, and a cached unit.

use foldhash::{HashMap, HashMapExt};
use na_model::{ReadAt, SourceFile, SourceKind, TivFinding};

use crate::read::cached_unit::CachedUnit;

/// Joins the files of a unit: those of a map's table from the side that its rows come from, and those of total
/// intracranial volume from the side that the volume comes from. `unit` has what counts of the cached side.
#[must_use]
pub fn joined_sources(
    mut stored: Vec<SourceFile>,
    mut cached: Vec<SourceFile>,
    unit: &CachedUnit,
) -> Vec<SourceFile> {
    let keeps_volume = unit.tiv == TivFinding::Kept;
    let volumes: HashMap<String, Option<f64>> =
        stored.iter().map(|source| (source.path.clone(), source.tiv)).collect();
    let (read_for_store, read_for_cache) = (volume_files(&stored), volume_files(&cached));
    let is_newest = |source: &SourceFile| {
        read_for_cache.get(&source.path).is_none_or(|read_at| *read_at < source.read_at)
    };
    stored.retain(|source| match source.kind {
        SourceKind::Tiv => keeps_volume && is_newest(source),
        _ => !comes_from_cache(source, unit),
    });
    let is_not_older = |source: &SourceFile| {
        read_for_store.get(&source.path).is_none_or(|read_at| *read_at <= source.read_at)
    };
    cached.retain(|source| match source.kind {
        SourceKind::Tiv => !keeps_volume || is_not_older(source),
        _ => comes_from_cache(source, unit),
    });
    // Only one side's file has the volume: that of the other side is not the store's.
    if keeps_volume {
        cached.iter_mut().for_each(|source| source.tiv = volumes.get(&source.path).copied().flatten());
    } else {
        stored.iter_mut().for_each(|source| source.tiv = None);
    }
    stored.append(&mut cached);
    stored
}

/// Whether the cached unit has the map's table that a file holds.
fn comes_from_cache(source: &SourceFile, unit: &CachedUnit) -> bool {
    let table = source.table_name();
    unit.tables.iter().any(|info| Some(&info.table) == table.as_ref() && info.map == source.map)
}

/// When each file of total intracranial volume was read, by path.
fn volume_files(sources: &[SourceFile]) -> HashMap<String, ReadAt> {
    let mut files = HashMap::new();
    for source in sources.iter().filter(|source| source.kind == SourceKind::Tiv) {
        files.entry(source.path.clone()).or_insert(source.read_at);
    }
    files
}
