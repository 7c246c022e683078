//! A fresh load (`--force`): everything is loaded as if there were no store, and replaces the whole store at the
//! commit. Until then the store stays as it was.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use na_cache::{Cache, CacheError, OwnedCache, OwnerLock, RunRecord};
use na_model::{Listing, Modality, Session, TableName, Unit, UnitOutcome, UnitStatus};
use na_store::{ExistingStore, ExportObserver, StoreError, settle_cache};

use crate::config::Config;
use crate::error::PipelineError;
use crate::inputs::listed_inputs::ListedInputs;
use crate::sessions::session_list::SessionList;

/// Units that an error names.
const EXAMPLES: usize = 3;

/// What a run adds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    /// The existing store.
    Stored,
    /// Nothing: the existing store is replaced at the commit.
    Anew,
}

impl Base {
    /// The store to add to.
    pub(crate) fn store<T>(self, store: &T) -> Option<&T> {
        (self == Self::Stored).then_some(store)
    }

    /// A run is fresh with `--force`, or if it goes on with a fresh load, as the cache's record says.
    pub(crate) fn of(config: &Config, begun: Option<&RunRecord>) -> Self {
        let goes_on = begun.is_some_and(|begun| begun.fresh);
        if config.force || goes_on { Self::Anew } else { Self::Stored }
    }
}

/// Makes room for a fresh load. What another load committed is brought into the store first: it stays if this one is
/// cut short.
///
/// # Errors
/// A cache that cannot be read, or brought into the store.
pub(crate) fn make_room(lock: &OwnerLock, observer: &dyn ExportObserver) -> Result<(), PipelineError> {
    match Cache::open_until(lock.output(), lock.cancel()) {
        Ok(None) => return Ok(()),
        Ok(Some(cache)) if cache.run_record()?.is_some_and(|record| record.fresh) => return Ok(()),
        Ok(Some(_)) | Err(CacheError::OfPandas { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(settle_cache(lock, observer)?)
}

/// Whether a fresh load that was cut short is the one that a run asks for. One that is not is removed with `--force`.
///
/// # Errors
/// A fresh load of something else, and no `--force`.
pub(crate) fn goes_on(
    config: &Config,
    inputs: &ListedInputs,
    lock: &OwnerLock,
    begun: &RunRecord,
    list: &SessionList,
) -> Result<bool, PipelineError> {
    match check_same(config, inputs, begun, list) {
        Ok(()) => Ok(true),
        Err(_) if config.force => {
            OwnedCache::open_or_create(lock)?.remove()?;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Refuses a run that asks for something else than the fresh load that was cut short.
///
/// # Errors
/// [`PipelineError::FreshUnfinished`].
pub(crate) fn check_same(
    config: &Config,
    inputs: &ListedInputs,
    begun: &RunRecord,
    list: &SessionList,
) -> Result<(), PipelineError> {
    let codes = |rows: &[na_model::ListedSession]| -> HashSet<Session> {
        rows.iter().map(|row| row.session.clone()).collect()
    };
    let differs = [
        ("it is of another atlas than this run", begun.settings.atlas_name != config.atlas_name),
        ("it is of another choice of files than this run", begun.choices != config.choices()),
        ("it is of other modalities than this run", begun.modalities != inputs.modalities()),
        ("it is of other tissues or workflows than this run", begun.asked != inputs.asked()),
        ("this run is of chosen sessions alone", !config.labels.is_empty()),
        ("this run prunes or reads again", config.prune || config.prune_unlisted || config.reload),
        ("it is of other sessions than this run", codes(&begun.listing.rows) != codes(&list.listing.rows)),
    ];
    match differs.into_iter().find(|(_, differs)| *differs) {
        None => Ok(()),
        Some((difference, _)) => {
            Err(PipelineError::FreshUnfinished { output: config.output.clone(), difference })
        }
    }
}

/// What a store has and a fresh load did not load again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LetGo {
    /// Units that were not found today, or not asked for.
    pub units: BTreeSet<Unit>,
    /// Units that could not be read today.
    pub failed: BTreeSet<Unit>,
    /// Tables of units that were loaded again, of which nothing was loaded.
    pub tables: BTreeSet<TableName>,
    /// Metadata columns, if there is no list that could have them.
    pub columns: Vec<String>,
}

impl LetGo {
    /// What a store has beside the loaded units, each with whether it has tables, and the loaded tables. A stored unit
    /// with tables of which only total intracranial volume was loaded was not loaded again.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub(crate) fn of(
        store: &ExistingStore,
        loaded: &HashMap<Unit, bool>,
        is_loaded: impl Fn(&TableName) -> bool,
        outcomes: &[UnitOutcome],
        listing: &Listing,
    ) -> Result<Self, StoreError> {
        let failed = outcomes.iter().filter(|outcome| outcome.status == UnitStatus::Failed);
        let failed: HashSet<&Unit> = failed.map(|outcome| &outcome.unit).collect();
        let is_whole =
            |unit: &Unit, had_tables: bool| loaded.get(unit).is_some_and(|has| *has || !had_tables);
        let mut let_go = Self::default();
        if listing.found_by_folders && listing.columns.is_empty() {
            let_go.columns = store.metadata()?.columns;
        }
        for (unit, tables) in store.units()? {
            if is_whole(&unit, !tables.is_empty()) {
                let_go.tables.extend(tables.into_iter().filter(|table| !is_loaded(table)));
            } else if failed.contains(&unit) {
                let_go.failed.insert(unit);
            } else {
                let_go.units.insert(unit);
            }
        }
        Ok(let_go)
    }

    /// The same without the units of some sessions.
    pub(crate) fn without(mut self, sessions: &BTreeSet<Session>) -> Self {
        for units in [&mut self.units, &mut self.failed] {
            units.retain(|unit| !sessions.contains(&unit.session));
        }
        self
    }

    /// Whether anything would be lost that is not just unreadable today.
    pub(crate) fn is_unasked(&self) -> bool {
        !self.units.is_empty() || !self.tables.is_empty() || !self.columns.is_empty()
    }

    /// Whether all that the store has was loaded again.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.is_unasked() && self.failed.is_empty()
    }
}

impl fmt::Display for LetGo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables: Vec<String> = self.tables.iter().map(|table| format!("all of {table}")).collect();
        let all: Vec<&Unit> = self.units.iter().chain(&self.failed).collect();
        let mut of_modality: BTreeMap<Modality, usize> = BTreeMap::new();
        all.iter().for_each(|unit| *of_modality.entry(unit.modality).or_default() += 1);
        let counts: Vec<String> =
            of_modality.iter().map(|(modality, n)| format!("{n} {modality} units")).collect();
        let sessions: BTreeSet<&Session> = all.iter().map(|unit| &unit.session).collect();
        let examples: Vec<String> = sessions.iter().take(EXAMPLES).map(ToString::to_string).collect();
        let of_units = (!all.is_empty()).then(|| {
            let (counts, n_sessions, examples) = (counts.join(" and "), sessions.len(), examples.join(", "));
            format!("{counts} of {n_sessions} sessions, such as {examples}")
        });
        let columns = (!self.columns.is_empty()).then(|| format!("the metadata {}", self.columns.join(", ")));
        f.write_str(&of_units.into_iter().chain(tables).chain(columns).collect::<Vec<_>>().join("; "))
    }
}
