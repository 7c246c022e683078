//! Units that several databases have: of each table and of the volume, what was read last counts.

use foldhash::{HashMap, HashMapExt};
use na_model::{MapSource, ReadAt, TableName, TivFinding, Unit};

use crate::error::CacheError;
use crate::read::cached_unit::CachedUnit;

/// Joins the units of several databases, those of each in the order of the units. Of what two databases have, what was read later
/// counts; of what was read at the same time, that of the later database. `has_report` says whether the volume of a version was looked for
/// in reports: one of a table never replaces one of a report.
pub(crate) fn joined_units(
    units: Vec<CachedUnit>,
    has_report: &dyn Fn(&CachedUnit) -> Result<bool, CacheError>,
) -> Result<Vec<CachedUnit>, CacheError> {
    let mut versions: HashMap<Unit, Vec<CachedUnit>> = HashMap::with_capacity(units.len());
    for unit in units {
        versions.entry(unit.unit.clone()).or_default().push(unit);
    }
    let joined = versions.into_values().map(|versions| joined(versions, has_report));
    let joined = joined.collect::<Result<Vec<_>, CacheError>>()?;
    let mut joined: Vec<CachedUnit> = joined.into_iter().flatten().collect();
    joined.sort_unstable_by(|one, other| one.unit.cmp(&other.unit));
    Ok(joined)
}

/// The versions of one unit as one. `None` of none.
fn joined(
    mut versions: Vec<CachedUnit>,
    has_report: &dyn Fn(&CachedUnit) -> Result<bool, CacheError>,
) -> Result<Option<CachedUnit>, CacheError> {
    versions.sort_by_key(|version| (version.read_at, version.book));
    if versions.len() > 1 {
        let volume = version_of_volume(&versions, has_report)?;
        keep_what_counts(&mut versions, volume);
    }
    let Some(newest) = versions.last() else { return Ok(None) };
    if versions.len() == 1 {
        return Ok(versions.pop());
    }
    let tiv = versions.iter().map(|version| version.tiv).rfind(|tiv| *tiv != TivFinding::Kept);
    let mut tables: Vec<_> = versions.iter().flat_map(|version| version.tables.iter().cloned()).collect();
    tables.sort_unstable();
    Ok(Some(CachedUnit {
        book: newest.book,
        key: newest.key,
        unit: newest.unit.clone(),
        read_at: newest.read_at,
        tiv: tiv.unwrap_or(TivFinding::Kept),
        tables,
        versions,
    }))
}

/// The version whose volume counts: the last that found anything, or that of a report before it, if it did not look into any. `None` if none
/// found anything.
fn version_of_volume(
    versions: &[CachedUnit],
    has_report: &dyn Fn(&CachedUnit) -> Result<bool, CacheError>,
) -> Result<Option<usize>, CacheError> {
    let mut found = versions.iter().enumerate().rev().filter(|(_, version)| version.tiv != TivFinding::Kept);
    let Some((last, version)) = found.next() else { return Ok(None) };
    let mut measured = found.filter(|(_, version)| matches!(version.tiv, TivFinding::Measured(_))).peekable();
    if measured.peek().is_none() || has_report(version)? {
        return Ok(Some(last));
    }
    for (index, version) in measured {
        if has_report(version)? {
            return Ok(Some(index));
        }
    }
    Ok(Some(last))
}

/// Leaves each version what no other has newer, and the volume to the one that has it; a version to which nothing is left goes.
fn keep_what_counts(versions: &mut Vec<CachedUnit>, volume: Option<usize>) {
    let mut newest: HashMap<(TableName, Option<MapSource>), (ReadAt, usize)> = HashMap::new();
    for (index, version) in versions.iter().enumerate() {
        for info in &version.tables {
            let read = (info.read_at, index);
            let known = newest.entry((info.table.clone(), info.map.clone())).or_insert(read);
            *known = read.max(*known);
        }
    }
    let last = versions.len() - 1;
    for (index, version) in versions.iter_mut().enumerate() {
        version.tables.retain(|info| {
            let of_table = newest.get(&(info.table.clone(), info.map.clone()));
            of_table.is_some_and(|(_, counts)| *counts == index)
        });
        if Some(index) != volume {
            version.tiv = TivFinding::Kept;
        }
    }
    let mut index = 0;
    versions.retain(|version| {
        index += 1;
        index > last || !version.tables.is_empty() || version.tiv != TivFinding::Kept
    });
}
