//! Which units are to be loaded: new ones, and those whose sources changed.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::HashSet;
use na_model::{Modality, ReadAt, Session, SourceFile, SourceRoot, Unit, UnitKind, UnitOutcome, UnitStatus};

use crate::event::PlanSummary;
use crate::inputs::found_tables::TableKey;
use crate::plan::absent_files::AbsentFiles;
use crate::plan::decision::{Decision, Remains, UnitDecision, nothing_found_reason};
use crate::plan::evictions::Eviction;

/// What a run has to do with each unit.
#[derive(Debug, Default)]
pub(crate) struct UnitPlan {
    /// Units whose sources changed, then new ones, each in the list's order.
    pub(crate) to_load: Vec<PlannedUnit>,
    /// Units that are missing, or failed before anything was read. As loaded those that stay though files of them are
    /// gone, as partial those with tables that are not chosen.
    pub(crate) outcomes: Vec<UnitOutcome>,
    /// Outcomes of units that are not listed: of today if they were looked for all the same, else of earlier runs.
    pub(crate) unlisted: Vec<UnitOutcome>,
    pub(crate) summary: PlanSummary,
    pub(crate) skipped: BTreeMap<UnitKind, usize>,
    pub(crate) notes: Vec<String>,
    /// Stored units that were looked for and have lost files, by unit.
    pub(crate) absences: Vec<Absence>,
    /// Units of the store and its cache, listed or not, whatever their kind.
    pub(crate) stored: BTreeSet<Unit>,
    /// What leaves when a unit comes in that has a better claim to its folder.
    pub(crate) evictions: Vec<Eviction>,
    /// Stored units that were found.
    pub(crate) n_found_again: usize,
    /// Those of them whose content is another.
    pub(crate) n_differing: usize,
    /// By root with files of stored units: how many of these have a folder there today. An empty mount point has none.
    pub(crate) mounts: BTreeMap<SourceRoot, usize>,
    /// The units that were looked for.
    pub(crate) looked_for: HashSet<Unit>,
    /// Listed sessions that have a folder.
    pub(crate) on_disk: HashSet<Session>,
    /// Whether what is gone from disk leaves the store.
    pub(crate) prunes: bool,
    /// Whether any unit to load has a table.
    pub(crate) has_tables: bool,
}

/// A unit to load.
#[derive(Debug, Clone)]
pub(crate) struct PlannedUnit {
    /// The session's index in the list.
    pub(crate) index: usize,
    pub(crate) unit: Unit,
    /// Whether the store has it, and its files changed.
    pub(crate) is_changed: bool,
    /// The files in which the store's run looked for TIV, and the one that it was taken from.
    pub(crate) known_tiv: Vec<SourceFile>,
    /// Whether the volume that the store has goes with its file.
    pub(crate) loses_volume: bool,
    /// When what the store has of it was read.
    pub(crate) known_read_at: ReadAt,
    /// Tables that stay as the store has them: some of their files are gone.
    pub(crate) kept: BTreeSet<TableKey>,
}

/// What a stored unit has lost on disk.
#[derive(Debug)]
pub(crate) struct Absence {
    pub(crate) unit: Unit,
    pub(crate) files: AbsentFiles,
    pub(crate) remains: Remains,
}

impl UnitPlan {
    /// Listed units that cannot be read, or told from others.
    pub(crate) fn failed(&self) -> impl Iterator<Item = &UnitOutcome> {
        self.outcomes.iter().filter(|outcome| outcome.status == UnitStatus::Failed)
    }

    /// The units that the store has of a session.
    pub(crate) fn stored_units(&self, session: &Session) -> Vec<Unit> {
        let first = Unit::of_parcellate(session.clone(), Modality::Anatomical);
        self.stored.range(first..).take_while(|unit| unit.session == *session).cloned().collect()
    }

    /// Whether nothing was found for any session, and nothing is in the store.
    pub(crate) fn found_nothing(&self) -> bool {
        self.to_load.is_empty() && self.summary.skipped + self.summary.failed == 0
    }

    /// Whether no table was found of the atlas asked for, today or before.
    pub(crate) fn lacks_tables(&self) -> bool {
        self.summary.skipped + self.summary.failed == 0 && !self.has_tables
    }

    /// Adds a stored unit that is not listed, and was looked for all the same.
    pub(crate) fn add_unlisted(&mut self, unit: Unit, decided: UnitDecision) {
        self.count_mounts(&decided);
        let Some(reason) = decided.absent.reason() else { return };
        self.looked_for.insert(unit.clone());
        if !self.prunes {
            if let Decision::Keep(note) = decided.decision {
                self.notes.push(note);
            }
            self.unlisted.push(UnitOutcome { unit: unit.clone(), status: UnitStatus::Loaded, reason });
        } else if decided.remains == Remains::Nothing {
            self.unlisted.push(nothing_found(&unit));
        }
        self.absences.push(Absence { unit, files: decided.absent, remains: decided.remains });
    }

    /// Adds a unit of the session at an index of the list.
    pub(crate) fn add(&mut self, index: usize, unit: Unit, mut decided: UnitDecision) {
        self.count_mounts(&decided);
        self.looked_for.insert(unit.clone());
        if decided.has_folder {
            self.on_disk.insert(unit.session.clone());
        }
        let kept = decided.absent.reason();
        self.outcomes.extend(self.stored_outcome(&unit, &decided, kept.as_deref()));
        let loses_volume = self.prunes && decided.absent.volume;
        if kept.is_some() {
            let files = std::mem::take(&mut decided.absent);
            self.absences.push(Absence { unit: unit.clone(), files, remains: decided.remains });
        }
        self.n_found_again +=
            usize::from(decided.is_stored && !matches!(decided.decision, Decision::Keep(_)));
        match decided.decision {
            Decision::Load { has_tables, differs, as_asked } => {
                self.has_tables |= has_tables;
                self.n_differing += usize::from(differs);
                self.summary.to_load += 1;
                self.summary.changed += usize::from(decided.is_stored && !as_asked);
                self.summary.again += usize::from(as_asked);
                self.to_load.push(PlannedUnit {
                    index,
                    unit,
                    is_changed: decided.is_stored,
                    known_tiv: decided.tiv,
                    loses_volume,
                    known_read_at: decided.read_at,
                    kept: decided.kept,
                });
            }
            Decision::Skip => self.skip(unit.kind),
            Decision::Keep(_) if self.prunes && decided.remains == Remains::Nothing => {
                self.miss(nothing_found(&unit));
            }
            Decision::Keep(note) => {
                self.notes.extend((!self.prunes).then_some(note));
                self.skip(unit.kind);
            }
            Decision::Missing(reason) => {
                self.miss(UnitOutcome { unit, status: UnitStatus::Missing, reason });
            }
            Decision::Fail(reason) => {
                self.summary.failed += 1;
                self.outcomes.push(UnitOutcome { unit, status: UnitStatus::Failed, reason });
            }
        }
    }

    /// What `sessions.tsv` says of a unit that is in the store though it is not as its files are: files of it are gone,
    /// or tables of it are not chosen.
    fn stored_outcome(&self, unit: &Unit, decided: &UnitDecision, kept: Option<&str>) -> Option<UnitOutcome> {
        let kept = kept.filter(|_| !self.prunes);
        let not_chosen = decided.not_chosen.as_deref().filter(|_| decided.comes_in());
        let reasons: Vec<&str> = kept.into_iter().chain(not_chosen).collect();
        let status = if not_chosen.is_some() { UnitStatus::Partial } else { UnitStatus::Loaded };
        (!reasons.is_empty()).then(|| UnitOutcome { unit: unit.clone(), status, reason: reasons.join("; ") })
    }

    fn count_mounts(&mut self, decided: &UnitDecision) {
        for (root, has_folder) in &decided.roots {
            *self.mounts.entry(root.clone()).or_default() += usize::from(*has_folder);
        }
    }

    fn skip(&mut self, kind: UnitKind) {
        self.summary.skipped += 1;
        *self.skipped.entry(kind).or_default() += 1;
    }

    fn miss(&mut self, outcome: UnitOutcome) {
        self.summary.missing += 1;
        self.outcomes.push(outcome);
    }
}

pub(crate) fn nothing_found(unit: &Unit) -> UnitOutcome {
    UnitOutcome { unit: unit.clone(), status: UnitStatus::Missing, reason: nothing_found_reason(unit) }
}
