//! Decides whether a unit is loaded or partial: whether it has what other sessions have. Only the tables decide, so
//! that the order of runs does not matter.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use foldhash::{HashMap, HashMapExt, HashSet};
use na_model::{
    MapSource, SourceFile, SourceKind, TableKind, TableName, Unit, UnitKind, UnitOutcome, UnitStatus,
    matched_regions,
};

use crate::tables::long_index::index::{LongIndex, RowRange};

/// What each unit has of the store's tables.
pub(crate) struct UnitStatuses<'a> {
    tables: Vec<TableContent<'a>>,
    /// By unit: its row ranges, each with the index of its table in `tables`.
    held: HashMap<Unit, Vec<(usize, &'a RowRange)>>,
}

/// A table, and how complete its region lists are.
struct TableContent<'a> {
    name: &'a TableName,
    /// Of the units that feed it.
    kind: UnitKind,
    /// The rows without which a unit is partial, of a table of measures.
    expected_rows: &'a BTreeSet<String>,
    index: &'a LongIndex,
    /// The region that each of the index's is, in whichever of its spellings.
    matched: Vec<usize>,
    n_regions: usize,
    /// How many of the table's regions each region list of the index lacks.
    n_lacking: Vec<usize>,
}

/// Row ranges of a table that lack some of its regions. The derived `Ord` sorts the reasons in `sessions.tsv`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct LackingRegions<'a> {
    table: &'a TableName,
    n_lacking: usize,
    n_regions: usize,
}

impl<'a> TableContent<'a> {
    fn of(name: &'a TableName, kind: &'a TableKind, index: &'a LongIndex) -> Self {
        let matched = matched_regions(&index.regions);
        let n_regions = matched.iter().collect::<HashSet<_>>().len();
        let (kind, expected_rows) = (kind.unit_kind(name), &kind.expected_rows);
        let mut content =
            Self { name, kind, expected_rows, index, matched, n_regions, n_lacking: Vec::new() };
        content.n_lacking =
            (0..index.region_lists.len()).map(|list| content.count_lacking(&[list])).collect();
        content
    }

    /// How many of the table's regions some region lists lack together.
    fn count_lacking(&self, region_lists: &[usize]) -> usize {
        let lists = region_lists.iter().filter_map(|list| self.index.region_lists.get(*list));
        let regions = lists.flatten().filter_map(|region| self.matched.get(*region));
        self.n_regions - regions.collect::<HashSet<_>>().len()
    }
}

impl fmt::Display for LackingRegions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lacks {} of {} regions", self.table, self.n_lacking, self.n_regions)
    }
}

impl<'a> UnitStatuses<'a> {
    pub(crate) fn of(
        tables: impl IntoIterator<Item = (&'a TableName, &'a TableKind, &'a LongIndex)>,
    ) -> Self {
        let tables = tables.into_iter().map(|(name, kind, index)| TableContent::of(name, kind, index));
        let tables: Vec<TableContent<'_>> = tables.collect();
        let mut held: HashMap<Unit, Vec<(usize, &RowRange)>> = HashMap::new();
        for (table_index, TableContent { kind, index, .. }) in tables.iter().enumerate() {
            for range in &index.row_ranges {
                let Some(session) = index.sessions.get(range.session) else { continue };
                let unit = Unit::new(session.clone(), kind.clone());
                held.entry(unit).or_default().push((table_index, range));
            }
        }
        Self { tables, held }
    }

    /// The units that have rows.
    pub(crate) fn units(&self) -> impl Iterator<Item = &Unit> {
        self.held.keys()
    }

    /// Takes out the files of maps of which a unit has no rows: a table was deleted, or rewritten without them. Returns how many
    /// there were of each table. While the store knows a file, nobody reads it again.
    pub(crate) fn take_out_lost(
        &self,
        unit: &Unit,
        sources: &mut Vec<SourceFile>,
    ) -> BTreeMap<TableName, usize> {
        let held: HashSet<(&TableName, &Option<MapSource>)> = self.maps_of(unit).collect();
        let mut lost = BTreeMap::new();
        sources.retain(|source| {
            let Some(table) = source.table_name() else { return true };
            let has_rows = held.contains(&(&table, &source.map));
            if !has_rows && source.kind == SourceKind::Table {
                *lost.entry(table).or_default() += 1;
            }
            has_rows
        });
        lost
    }

    /// Whether a unit has rows of a map that none of these files is the table of.
    pub(crate) fn has_rows_beside(&self, unit: &Unit, sources: &[SourceFile]) -> bool {
        let known: HashSet<(TableName, &Option<MapSource>)> = sources
            .iter()
            .filter(|source| source.kind == SourceKind::Table)
            .filter_map(|source| Some((source.table_name()?, &source.map)))
            .collect();
        self.maps_of(unit).any(|(table, map)| !known.contains(&(table.clone(), map)))
    }

    /// The tables, or maps of them, that a unit has rows of.
    fn maps_of(&self, unit: &Unit) -> impl Iterator<Item = (&TableName, &Option<MapSource>)> {
        self.held.get(unit).into_iter().flatten().filter_map(|(table, range)| {
            let table = self.tables.get(*table)?;
            Some((table.name, table.index.maps.get(range.map)?))
        })
    }

    /// The status of a unit of the store, with the reason if it is partial.
    pub(crate) fn of_unit(&self, unit: &Unit) -> UnitOutcome {
        let held = self.held.get(unit).map_or(&[][..], Vec::as_slice);
        let mut reasons = Vec::new();
        let lacking = self.lacking(&unit.kind, held);
        if !lacking.is_empty() {
            reasons.push(format!("no {}, which other sessions have", lacking.join(", ")));
        } else if held.is_empty() {
            reasons.push("no tables, only total intracranial volume".to_owned());
        }
        reasons.extend(self.lacking_regions(held));
        reasons.extend(self.lacking_measures(held));
        let status = if reasons.is_empty() { UnitStatus::Loaded } else { UnitStatus::Partial };
        UnitOutcome { unit: unit.clone(), status, reason: reasons.join("; ") }
    }

    /// The tables that a unit lacks, and the maps that it lacks in its other tables; in the store's order.
    fn lacking(&self, kind: &UnitKind, held: &[(usize, &RowRange)]) -> Vec<String> {
        let mut held_maps: HashMap<usize, HashSet<usize>> = HashMap::new();
        for (table, range) in held {
            held_maps.entry(*table).or_default().insert(range.map);
        }
        let mut lacking = BTreeSet::new();
        for (table, TableContent { name, kind: of_table, index, .. }) in self.tables.iter().enumerate() {
            if of_table != kind {
                continue;
            }
            let Some(held) = held_maps.get(&table) else {
                lacking.insert((*name, None));
                continue;
            };
            let maps = index.maps.iter().enumerate().filter(|(map, _)| !held.contains(map));
            lacking.extend(maps.map(|(_, map)| (*name, map.as_ref())));
        }
        lacking.into_iter().map(|(table, map)| table.with_map(map)).collect()
    }

    /// The measures that every session has whose program came to its end.
    fn lacking_measures(&self, held: &[(usize, &RowRange)]) -> Vec<String> {
        let mut lists: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (table, range) in held {
            lists.entry(*table).or_default().push(range.region_list);
        }
        let lacking = lists.into_iter().filter_map(|(table, lists)| {
            let TableContent { name, expected_rows, index, .. } = self.tables.get(table)?;
            let lists = lists.iter().filter_map(|list| index.region_lists.get(*list));
            let regions = lists.flatten().filter_map(|region| index.regions.get(*region));
            let there: BTreeSet<&str> = regions.filter_map(|region| region.label.as_deref()).collect();
            let absent = expected_rows.iter().map(String::as_str).filter(|label| !there.contains(label));
            let absent = absent.collect::<Vec<_>>().join(", ");
            (!absent.is_empty()).then(|| format!("{name} lacks {absent}"))
        });
        lacking.collect()
    }

    fn lacking_regions(&self, held: &[(usize, &RowRange)]) -> Vec<String> {
        // Other programs write the rows of a map apart.
        let mut lists: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for (table, range) in held {
            lists.entry((*table, range.map)).or_default().push(range.region_list);
        }
        let mut lacking = BTreeSet::new();
        for ((table, _), lists) in lists {
            let table = self.tables.get(table).filter(|table| !table.name.is_of_globals());
            let Some(table) = table else { continue };
            let n_lacking = match lists.as_slice() {
                [list] => table.n_lacking.get(*list).copied().unwrap_or(0),
                lists => table.count_lacking(lists),
            };
            if n_lacking > 0 {
                lacking.insert(LackingRegions { table: table.name, n_lacking, n_regions: table.n_regions });
            }
        }
        lacking.iter().map(LackingRegions::to_string).collect()
    }
}
