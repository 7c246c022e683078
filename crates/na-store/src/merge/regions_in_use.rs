//! The regions of a store's tables, apart from those that only some units bring.

use std::collections::BTreeMap;

use foldhash::{HashMap, HashSet, HashSetExt};
use na_cache::Cache;
use na_model::{MapSource, RegionSet, Session, TableName, Unit};

use crate::error::StoreError;
use crate::format::key_value_metadata as keys;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::long_file::kind_of;

/// The regions of each long table, with those of some units kept apart.
#[derive(Debug, Default)]
pub struct RegionsInUse {
    /// The regions of all units that are not kept apart.
    pub others: BTreeMap<TableName, RegionSet>,
    /// The regions of each unit that is kept apart.
    pub of_units: HashMap<Unit, BTreeMap<TableName, RegionSet>>,
}

impl RegionsInUse {
    fn add(&mut self, apart: &HashSet<Unit>, unit: Unit, table: &TableName, regions: &RegionSet) {
        let tables =
            if apart.contains(&unit) { self.of_units.entry(unit).or_default() } else { &mut self.others };
        tables.entry(table.clone()).or_default().extend(regions);
    }
}

/// Collects the regions of a cache and of the store that it adds to; those of the units in `apart` are kept apart. Of a
/// map that both have, the cache's regions count.
///
/// # Errors
/// A store or cache that cannot be read.
pub fn regions_in_use(
    store: Option<&ExistingStore>,
    cache: Option<&Cache>,
    apart: &HashSet<Unit>,
) -> Result<RegionsInUse, StoreError> {
    let mut in_use = RegionsInUse::default();
    let mut cached: HashSet<(Session, TableName, Option<MapSource>)> = HashSet::new();
    if let Some(cache) = cache {
        for unit in cache.units()? {
            for (info, regions) in cache.regions_of(&unit)? {
                in_use.add(apart, unit.unit.clone(), &info.table, &regions);
                cached.insert((unit.unit.session.clone(), info.table.clone(), info.map.clone()));
            }
        }
    }
    let Some(store) = store else { return Ok(in_use) };
    for table in store.long_tables()? {
        let Some(file) = store.long_reader(table)? else { continue };
        let kind = kind_of(table, &file)?.unit_kind(table);
        let is_apart = apart.iter().any(|unit| unit.kind == kind);
        // The record saves a look at every row; a file without one that can be understood is read.
        let recorded =
            file.key_value(keys::REGIONS).and_then(|text| serde_json::from_str::<RegionSet>(text).ok());
        if let Some(recorded) = recorded.filter(|_| !is_apart && cached.is_empty()) {
            in_use.others.entry(table.clone()).or_default().extend(&recorded);
            continue;
        }
        let Some(long) = store.long_file(table)? else { continue };
        let index = &long.index;
        let region_lists: Vec<RegionSet> =
            (0..index.region_lists.len()).map(|region_list| index.regions_of_list(region_list)).collect();
        for range in &index.row_ranges {
            let (Some(session), Some(map)) = (index.sessions.get(range.session), index.maps.get(range.map))
            else {
                continue;
            };
            let key = (session.clone(), table.clone(), map.clone());
            if let Some(regions) = region_lists.get(range.region_list).filter(|_| !cached.contains(&key)) {
                in_use.add(apart, Unit::new(session.clone(), kind.clone()), table, regions);
            }
        }
    }
    Ok(in_use)
}
