//! What a cache brings in the place of what the store has: maps of tables of sessions, and nothing else.

use std::collections::HashMap;
use std::sync::Arc;

use na_cache::CachedUnit;
use na_model::{MapSource, Session, TableName};

/// What the cache brings of each long table.
#[derive(Default)]
pub(crate) struct Replaced(HashMap<TableName, Arc<ReplacedMaps>>);

/// What the cache brings of a long table.
#[derive(Debug, Default)]
pub(crate) struct ReplacedMaps(HashMap<Session, Vec<Option<MapSource>>>);

impl Replaced {
    pub(crate) fn of(units: &[Arc<CachedUnit>]) -> Self {
        let mut tables: HashMap<&TableName, ReplacedMaps> = HashMap::new();
        for unit in units {
            for info in &unit.tables {
                let sessions = &mut tables.entry(&info.table).or_default().0;
                match sessions.get_mut(&unit.unit.session) {
                    Some(maps) => maps.push(info.map.clone()),
                    None => drop(sessions.insert(unit.unit.session.clone(), vec![info.map.clone()])),
                }
            }
        }
        Self(tables.into_iter().map(|(table, maps)| (table.clone(), Arc::new(maps))).collect())
    }

    pub(crate) fn in_table(&self, table: &TableName) -> Arc<ReplacedMaps> {
        self.0.get(table).map(Arc::clone).unwrap_or_default()
    }
}

impl ReplacedMaps {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any map of a session comes from the cache.
    pub(crate) fn has_session(&self, session: &Session) -> bool {
        self.0.contains_key(session)
    }

    /// Whether a map of a session comes from the cache.
    pub(crate) fn contains(&self, session: &Session, map: &Option<MapSource>) -> bool {
        self.0.get(session).is_some_and(|maps| maps.contains(map))
    }
}
