//! Shows what of a session list is in a store.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use na_cache::{Cache, Segments};
use na_model::{Listing, Modality, NOT_READ_YET, Unit, UnitKind, UnitOutcome, UnitStatus};
use na_store::{ExistingStore, StoreError, join_segments};
use serde_json::{Value, json};

use crate::segments_shown::looking_again;

/// Units that are named; `--json` names all.
const NAMED: usize = 20;

/// What of a session list is in a store, its cache and its segments, and why the rest is not. Each modality and input is counted by itself.
pub(crate) struct ListedShown {
    n_sessions: usize,
    n_there: usize,
    missing: Vec<(Unit, Why)>,
}

/// Why a listed unit is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Failed,
    NotOnDisk,
    /// Nobody has looked for it.
    NotReadYet,
}

impl Why {
    const ALL: [Self; 3] = [Self::Failed, Self::NotOnDisk, Self::NotReadYet];

    fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "Failed",
            Self::NotOnDisk => "Not on disk",
            Self::NotReadYet => "Not read yet",
        }
    }

    fn of(outcome: Option<&UnitOutcome>) -> Self {
        match outcome {
            Some(UnitOutcome { status: UnitStatus::Failed, .. }) => Self::Failed,
            Some(UnitOutcome { status: UnitStatus::Missing, reason, .. }) if reason != NOT_READ_YET => {
                Self::NotOnDisk
            }
            _ => Self::NotReadYet,
        }
    }
}

impl ListedShown {
    /// # Errors
    /// A store, cache or segment that cannot be read.
    pub(crate) fn of(output: &Path, listing: &Listing) -> Result<Self, StoreError> {
        looking_again(|| Self::now(output, listing))
    }

    fn now(output: &Path, listing: &Listing) -> Result<Self, StoreError> {
        let store = ExistingStore::open(output)?;
        let own = match Cache::open_existing(output) {
            Err(error) if error.leaves_the_export() => None,
            own => own?,
        };
        let (cache, left_out) =
            join_segments(&store, own, &Segments::list(output)?, &Listing::default(), None)?;
        let mut there: BTreeSet<Unit> = store.units()?.into_keys().collect();
        let mut kinds: BTreeSet<UnitKind> = there.iter().map(|unit| unit.kind.clone()).collect();
        let mut told = Vec::new();
        if let Some(cache) = cache {
            there.extend(cache.units()?.into_iter().map(|unit| unit.unit));
            kinds.extend(cache.run_record()?.into_iter().flat_map(|record| record.kinds));
            told = cache.outcomes()?;
        }
        let mut outcomes = store.earlier_outcomes(told)?;
        left_out.tell(&mut outcomes);
        kinds.extend(outcomes.iter().map(|outcome| outcome.unit.kind.clone()));
        if kinds.is_empty() {
            kinds.extend(Modality::ALL.map(UnitKind::of_parcellate));
        }
        if !store.is_unchanged()? {
            return Err(StoreError::Changing { output: output.to_owned() });
        }
        let outcomes: BTreeMap<&Unit, &UnitOutcome> =
            outcomes.iter().map(|outcome| (&outcome.unit, outcome)).collect();
        let sessions = listing.rows.iter().map(|row| &row.session);
        let units =
            sessions.flat_map(|session| kinds.iter().map(|kind| Unit::new(session.clone(), kind.clone())));
        let (found, missing): (Vec<Unit>, Vec<Unit>) = units.partition(|unit| there.contains(unit));
        let why = |unit: Unit| {
            let why = Why::of(outcomes.get(&unit).copied());
            (unit, why)
        };
        let missing = missing.into_iter().map(why).collect();
        Ok(Self { n_sessions: listing.rows.len(), n_there: found.len(), missing })
    }

    pub(crate) fn is_all_there(&self) -> bool {
        self.missing.is_empty()
    }

    fn of_reason(&self, why: Why) -> impl Iterator<Item = &Unit> {
        self.missing.iter().filter(move |(_, of)| *of == why).map(|(unit, _)| unit)
    }

    pub(crate) fn text(&self) -> String {
        let (n_there, n_units) = (self.n_there, self.n_there + self.missing.len());
        let mut text = format!(
            "Listed sessions: {}\nThere: {n_there} of {n_units}, each modality by itself\n",
            self.n_sessions
        );
        for why in Why::ALL {
            let n = self.of_reason(why).count();
            let _ = writeln!(text, "{}: {n}", why.as_str());
            for unit in self.of_reason(why).take(NAMED) {
                let _ = writeln!(text, "  - {unit}");
            }
            if n > NAMED {
                let _ = writeln!(text, "  and {} more: --json names all", n - NAMED);
            }
        }
        text
    }

    pub(crate) fn json(&self) -> Value {
        let missing = self.missing.iter().map(|(unit, why)| {
            json!({
                "subject_code": unit.session.subject.as_str(),
                "session_id": unit.session.id_str(),
                "modality": unit.modality().as_str(),
                "input": unit.kind.input.as_str(),
                "why": why.as_str().to_lowercase(),
            })
        });
        json!({ "listed": self.n_sessions, "there": self.n_there, "missing": missing.collect::<Vec<_>>() })
    }
}
