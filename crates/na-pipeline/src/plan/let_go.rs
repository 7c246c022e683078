//! What a store has and a fresh load does not load again: it is told before the commit, and nothing goes without the
//! user's word.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use foldhash::{HashMap, HashMapExt, HashSet};
use na_cache::CachedUnit;
use na_model::{
    Leaving, MapSource, Removals, Session, TableName, TivFinding, Unit, UnitKind, UnitOutcome, UnitStatus,
};
use na_store::{ExistingStore, StoreError};

use crate::config::SessionSource;
use crate::inputs::found_tables::TableKey;
use crate::safeguard::is_over_a_tenth;
use crate::sessions::session_list::SessionList;

/// Sessions that an error names.
const EXAMPLES: usize = 3;

/// Units that may always lose parts: one or two are over a tenth of a small cohort.
const FEW: usize = 5;

/// What a store has and a fresh load did not load again. All of it is told; what is much needs the user's word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LetGo {
    /// Units that were not found today, or not asked for.
    pub units: BTreeSet<Unit>,
    /// Units that could not be read today.
    pub failed: BTreeSet<Unit>,
    /// Tables, maps and volumes that units lack which were loaded again.
    pub parts: Removals,
    /// Metadata columns that today's list does not have.
    pub columns: Vec<String>,
    /// Whether parts or columns need the user's word: nothing is left of a table or of the volumes, many units lose parts, or
    /// there is no list that could have the columns.
    is_much: bool,
}

/// What a fresh load has of one unit, or is going to have.
#[derive(Debug, Default)]
pub(crate) struct LoadedParts<'a> {
    tables: HashSet<(&'a TableName, Option<&'a MapSource>)>,
    has_volume: bool,
}

impl<'a> LoadedParts<'a> {
    pub(crate) fn of_cached(unit: &'a CachedUnit) -> Self {
        let tables = unit.tables.iter().map(|info| (&info.table, info.map.as_ref())).collect();
        Self { tables, has_volume: matches!(unit.tiv, TivFinding::Measured(_)) }
    }

    pub(crate) fn of_found(tables: &'a [TableKey], has_volume: bool) -> Self {
        let tables = tables.iter().map(|(table, map)| (table, map.as_ref())).collect();
        Self { tables, has_volume }
    }
}

impl LetGo {
    /// What a store has beside what a fresh load has of each unit. A stored unit with tables of which only total
    /// intracranial volume was loaded was not loaded again.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub(crate) fn of(
        store: &ExistingStore,
        loaded: &HashMap<&Unit, LoadedParts<'_>>,
        outcomes: &[UnitOutcome],
        list: &SessionList,
        source: &SessionSource,
    ) -> Result<Self, StoreError> {
        let failed = outcomes.iter().filter(|outcome| outcome.status == UnitStatus::Failed);
        let failed: HashSet<&Unit> = failed.map(|outcome| &outcome.unit).collect();
        let mut let_go = Self::default();
        let listed: HashSet<String> =
            list.listing.columns.iter().map(|column| column.to_lowercase()).collect();
        let stays = |column: &String| listed.contains(&column.to_lowercase()) || source.leaves_out(column);
        let_go.columns = store.metadata()?.columns.into_iter().filter(|column| !stays(column)).collect();
        let mut again: HashMap<Unit, &LoadedParts<'_>> = HashMap::new();
        let mut kinds = Kinds::default();
        for (unit, tables) in store.units()? {
            let parts = loaded.get(&unit).filter(|parts| tables.is_empty() || !parts.tables.is_empty());
            if let Some(parts) = parts {
                again.insert(unit, parts);
            } else if failed.contains(&unit) {
                let_go.failed.insert(unit);
            } else {
                let_go.units.insert(unit);
            }
        }
        for unit in store.units_with_volume()? {
            let Some(parts) = again.get(&unit) else { continue };
            if kinds.is_lost(None, parts.has_volume) {
                let_go.parts.add_volume(unit);
            }
        }
        store.for_each_map(|unit, table, map| {
            let Some(parts) = again.get(&unit) else { return };
            if kinds.is_lost(Some(table), parts.tables.contains(&(table, map))) {
                let_go.parts.add_table(unit, table.clone(), map.cloned());
            }
        })?;
        let n_losing = let_go.parts.iter().len();
        let are_many = n_losing > FEW && is_over_a_tenth(n_losing, again.len());
        let no_list = list.listing.found_by_folders && list.listing.columns.is_empty();
        let_go.is_much = are_many || kinds.is_any_wholly_lost() || (no_list && !let_go.columns.is_empty());
        Ok(let_go)
    }

    /// The same without the units of some sessions.
    pub(crate) fn without(mut self, sessions: &BTreeSet<Session>) -> Self {
        for units in [&mut self.units, &mut self.failed] {
            units.retain(|unit| !sessions.contains(&unit.session));
        }
        self.parts.retain(|unit| !sessions.contains(&unit.session));
        self
    }

    /// Whether anything would be lost that is not just unreadable today.
    pub(crate) fn is_unasked(&self) -> bool {
        !self.units.is_empty() || (self.is_much && !(self.parts.is_empty() && self.columns.is_empty()))
    }

    /// Whether all that the store has was loaded again.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { units, failed, parts, columns, .. } = self;
        units.is_empty() && failed.is_empty() && parts.is_empty() && columns.is_empty()
    }

    /// How many sessions lose each part, in words.
    fn part_counts(&self) -> Vec<String> {
        let mut sessions_of: BTreeMap<String, Vec<&Session>> = BTreeMap::new();
        for (unit, leaving) in self.parts.iter() {
            let Leaving::Parts(parts) = leaving else { continue };
            for part in parts.words() {
                sessions_of.entry(part).or_default().push(&unit.session);
            }
        }
        sessions_of.into_iter().map(|(part, sessions)| format!("{part} of {}", counted(&sessions))).collect()
    }

    /// How many units of each kind go whole, in words.
    fn unit_counts(&self) -> Option<String> {
        let all: Vec<&Unit> = self.units.iter().chain(&self.failed).collect();
        let mut of_kind: BTreeMap<&UnitKind, usize> = BTreeMap::new();
        all.iter().for_each(|unit| *of_kind.entry(&unit.kind).or_default() += 1);
        let counts: Vec<String> = of_kind.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        let sessions: BTreeSet<&Session> = all.iter().map(|unit| &unit.session).collect();
        let sessions: Vec<&Session> = sessions.into_iter().collect();
        (!all.is_empty()).then(|| format!("{} of {}", counts.join(" and "), counted(&sessions)))
    }
}

/// The kinds of parts that units lost or kept: a table, or `None` for volumes.
#[derive(Default)]
struct Kinds {
    lost: HashSet<Option<TableName>>,
    kept: HashSet<Option<TableName>>,
}

impl Kinds {
    /// Notes a part of a unit; whether it is lost.
    fn is_lost(&mut self, kind: Option<&TableName>, is_kept: bool) -> bool {
        let kinds = if is_kept { &mut self.kept } else { &mut self.lost };
        kinds.insert(kind.cloned());
        !is_kept
    }

    fn is_any_wholly_lost(&self) -> bool {
        !self.lost.is_subset(&self.kept)
    }
}

/// The number of some sessions, with examples.
fn counted(sessions: &[&Session]) -> String {
    let examples: Vec<String> = sessions.iter().take(EXAMPLES).map(ToString::to_string).collect();
    let what = if sessions.len() == 1 { "session" } else { "sessions" };
    format!("{} {what}, such as {}", sessions.len(), examples.join(", "))
}

impl fmt::Display for LetGo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = (!self.columns.is_empty()).then(|| format!("the metadata {}", self.columns.join(", ")));
        let all = self.unit_counts().into_iter().chain(self.part_counts()).chain(columns);
        f.write_str(&all.collect::<Vec<_>>().join("; "))
    }
}
