//! Whether a unit has what other sessions have, seen from the tables as they are: no order of runs changes it.

use std::collections::{BTreeSet, HashMap, HashSet};

use na_model::{
    MapSource, Modality, SourceFile, SourceKind, TableName, Unit, UnitOutcome, UnitStatus, matched_regions,
};

use crate::tables::long_index::{LongIndex, RowRange};

/// What each unit has of the store's tables.
pub(crate) struct UnitStatuses<'a> {
    tables: Vec<(&'a TableName, &'a LongIndex)>,
    /// By unit: the runs of each table, as places in `tables`.
    held: HashMap<Unit, Vec<(usize, &'a RowRange)>>,
    /// For each table, the regions that it has, and how many of them each of its layouts lacks.
    regions: Vec<(usize, Vec<usize>)>,
}

impl<'a> UnitStatuses<'a> {
    pub(crate) fn of(tables: impl IntoIterator<Item = (&'a TableName, &'a LongIndex)>) -> Self {
        let tables: Vec<(&TableName, &LongIndex)> = tables.into_iter().collect();
        let mut held: HashMap<Unit, Vec<(usize, &RowRange)>> = HashMap::new();
        for (place, (table, index)) in tables.iter().enumerate() {
            for range in &index.row_ranges {
                let Some(session) = index.sessions.get(range.session) else { continue };
                held.entry(Unit::new(session.clone(), table.modality())).or_default().push((place, range));
            }
        }
        let regions = tables.iter().map(|(_, index)| {
            let matched = matched_regions(&index.regions);
            let all = matched.iter().collect::<HashSet<_>>().len();
            let lacking = index.region_lists.iter().map(|region_list| {
                let regions = region_list.iter().filter_map(|region| matched.get(*region));
                all - regions.collect::<HashSet<_>>().len()
            });
            (all, lacking.collect())
        });
        let regions = regions.collect();
        Self { tables, held, regions }
    }

    /// The units that have rows.
    pub(crate) fn units(&self) -> impl Iterator<Item = &Unit> {
        self.held.keys()
    }

    /// Whether a unit has rows of a table of which these are not the files.
    pub(crate) fn has_rows_beside(&self, unit: &Unit, sources: &[SourceFile]) -> bool {
        let known: HashSet<(TableName, &Option<MapSource>)> = sources
            .iter()
            .filter(|source| source.kind == SourceKind::Table)
            .filter_map(|source| Some((source.table_name()?, &source.map)))
            .collect();
        self.held.get(unit).into_iter().flatten().any(|(place, range)| {
            let key =
                self.tables.get(*place).and_then(|(table, index)| Some((table, index.maps.get(range.map)?)));
            key.is_some_and(|(table, map)| !known.contains(&(TableName::clone(table), map)))
        })
    }

    /// Where a unit of the store stands, and why it is partial.
    pub(crate) fn of_unit(&self, unit: &Unit) -> UnitOutcome {
        let held = self.held.get(unit).map_or(&[][..], Vec::as_slice);
        let mut reasons = Vec::new();
        let lacking = self.lacking(unit.modality, held);
        if !lacking.is_empty() {
            reasons.push(format!("no {}, which other sessions have", lacking.join(", ")));
        } else if held.is_empty() {
            reasons.push("no tables, only total intracranial volume".to_owned());
        }
        reasons.extend(self.lacking_regions(held));
        let status = if reasons.is_empty() { UnitStatus::Loaded } else { UnitStatus::Partial };
        UnitOutcome { unit: unit.clone(), status, reason: reasons.join("; ") }
    }

    /// Tables that a unit has nothing of, and maps that it lacks of the others.
    fn lacking(&self, modality: Modality, held: &[(usize, &RowRange)]) -> Vec<String> {
        let mut held_maps: HashMap<usize, HashSet<usize>> = HashMap::new();
        for (place, range) in held {
            held_maps.entry(*place).or_default().insert(range.map);
        }
        let mut lacking = BTreeSet::new();
        for (place, (table, index)) in self.tables.iter().enumerate() {
            if table.modality() != modality {
                continue;
            }
            let Some(held) = held_maps.get(&place) else {
                lacking.insert((*table, None));
                continue;
            };
            let maps = index.maps.iter().enumerate().filter(|(map, _)| !held.contains(map));
            lacking.extend(maps.map(|(_, map)| (*table, map.as_ref())));
        }
        lacking.into_iter().map(|(table, map)| table.with_map(map)).collect()
    }

    fn lacking_regions(&self, held: &[(usize, &RowRange)]) -> Vec<String> {
        let mut lacking = BTreeSet::new();
        for (place, range) in held {
            let table = self.tables.get(*place).zip(self.regions.get(*place));
            let Some(((table, _), (all, of_lists))) = table else { continue };
            if let Some(missing) = of_lists.get(range.region_list).filter(|missing| **missing > 0) {
                lacking.insert((*table, *missing, *all));
            }
        }
        let describe = |(table, missing, all): (&TableName, usize, usize)| {
            format!("{table} lacks {missing} of {all} regions")
        };
        lacking.into_iter().map(describe).collect()
    }
}
