//! The maps of sessions that do not stay in a long table: the cache brings them anew, or they leave the store.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use na_cache::{CachedTableInfo, CachedUnit};
use na_model::{Leaving, MapSource, Removals, Session, TableName, Unit, UnitKind};

use crate::tables::long_index::index::{LongIndex, RowRange};

/// The maps that do not stay, by long table.
#[derive(Default)]
pub(crate) struct Replaced {
    tables: HashMap<TableName, Arc<ReplacedMaps>>,
    /// Units that leave with all of their tables.
    leaving: HashSet<Unit>,
}

/// The maps of one long table that do not stay.
#[derive(Debug, Default)]
pub(crate) struct ReplacedMaps {
    maps: HashMap<Session, Vec<Option<MapSource>>>,
    /// Sessions that leave with all of their maps.
    leaving: HashSet<Session>,
}

impl Replaced {
    /// `replaces` tells which cached rows replace anything: not those that are in exported files already.
    pub(crate) fn of(
        units: &[Arc<CachedUnit>],
        replaces: impl Fn(&CachedTableInfo) -> bool,
        removals: &Removals,
    ) -> Self {
        let mut tables: HashMap<&TableName, ReplacedMaps> = HashMap::new();
        for unit in units {
            for info in unit.tables.iter().filter(|info| replaces(info)) {
                tables.entry(&info.table).or_default().add(&unit.unit.session, info.map.clone());
            }
        }
        let mut leaving = HashSet::new();
        for (unit, of_unit) in removals.iter() {
            match of_unit {
                Leaving::All => drop(leaving.insert(unit.clone())),
                Leaving::Parts(parts) => parts.tables.iter().for_each(|(table, map)| {
                    tables.entry(table).or_default().add(&unit.session, map.clone());
                }),
            }
        }
        let tables = tables.into_iter().map(|(table, maps)| (table.clone(), Arc::new(maps))).collect();
        Self { tables, leaving }
    }

    /// What leaves the store.
    pub(crate) fn leaving(removals: &Removals) -> Self {
        Self::of(&[], |_| false, removals)
    }

    /// Those of a table that units of a kind feed.
    pub(crate) fn in_table(&self, table: &TableName, kind: &UnitKind) -> Arc<ReplacedMaps> {
        let known = self.tables.get(table).map(Arc::clone).unwrap_or_default();
        let leaving = self.leaving.iter().filter(|unit| unit.kind == *kind);
        let leaving: HashSet<Session> = leaving.map(|unit| unit.session.clone()).collect();
        if leaving.is_empty() { known } else { Arc::new(ReplacedMaps { maps: known.maps.clone(), leaving }) }
    }
}

impl ReplacedMaps {
    fn add(&mut self, session: &Session, map: Option<MapSource>) {
        match self.maps.get_mut(session) {
            Some(maps) => maps.push(map),
            None => drop(self.maps.insert(session.clone(), vec![map])),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.maps.is_empty() && self.leaving.is_empty()
    }

    /// The sessions of which any map does not stay.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.maps.keys().chain(&self.leaving)
    }

    /// Whether any map of a session does not stay.
    pub(crate) fn has_session(&self, session: &Session) -> bool {
        self.maps.contains_key(session) || self.leaving.contains(session)
    }

    /// Whether a map of a session does not stay.
    pub(crate) fn contains(&self, session: &Session, map: &Option<MapSource>) -> bool {
        self.leaving.contains(session) || self.maps.get(session).is_some_and(|maps| maps.contains(map))
    }

    /// The sessions of a table that keep rows.
    pub(crate) fn sessions_left(&self, index: &LongIndex) -> HashSet<Session> {
        let stays = |range: &&RowRange| {
            let key = index.sessions.get(range.session).zip(index.maps.get(range.map));
            key.is_some_and(|(session, map)| !self.contains(session, map))
        };
        let sessions: HashSet<usize> =
            index.row_ranges.iter().filter(stays).map(|range| range.session).collect();
        sessions.into_iter().filter_map(|session| index.sessions.get(session)).cloned().collect()
    }
}
