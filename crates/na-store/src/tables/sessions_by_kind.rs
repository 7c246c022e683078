//! The sessions that a store has rows of, by the kind of the units whose volumes it may have.

use foldhash::{HashMap, HashMapExt, HashSet};
use na_model::{Modality, Session, TableName, TivSource, UnitKind};

use crate::tables::long_file::LongFile;

/// The sessions of the units that measure total intracranial volume, where several kinds of units do.
#[derive(Debug, Default)]
pub(crate) struct SessionsByKind<'l>(HashMap<UnitKind, HashSet<&'l Session>>);

impl<'l> SessionsByKind<'l> {
    /// Those of the tables of a store.
    pub(crate) fn of(tables: impl IntoIterator<Item = (&'l TableName, &'l LongFile)>) -> Self {
        let mut all: HashMap<UnitKind, HashSet<&Session>> = HashMap::new();
        for (table, long) in tables {
            let kind = long.kind.unit_kind(table);
            if kind.volume_of().is_some_and(|source| source.unit_kinds().len() > 1) {
                all.entry(kind).or_default().extend(&long.index.sessions);
            }
        }
        Self(all)
    }

    /// Whether the store has rows of a session's unit.
    pub(crate) fn has(&self, session: &Session, kind: &UnitKind) -> bool {
        self.0.get(kind).is_some_and(|sessions| sessions.contains(session))
    }

    /// The kind of the unit that a session's volume in the store is of.
    pub(crate) fn kind_of(&self, session: &Session, source: TivSource) -> UnitKind {
        let kinds = source.unit_kinds();
        let held = kinds.iter().find(|kind| self.has(session, kind)).or(kinds.first());
        held.cloned().unwrap_or_else(|| UnitKind::of_parcellate(Modality::Anatomical))
    }
}
