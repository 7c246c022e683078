//! Which units are to be loaded: those that are not there, and those whose sources changed.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use na_model::{
    Modality, Names, ReadAt, Session, SourceFile, SourceKind, SourceRoot, Unit, UnitOutcome, UnitStatus,
};

use crate::event::PlanSummary;
use crate::inputs::unit_files::TableKey;
use crate::plan::absent_files::AbsentFiles;
use crate::plan::evictions::Eviction;

/// What a run has to do.
#[derive(Debug, Default)]
pub(crate) struct UnitPlan {
    /// Units whose sources changed, then new ones, each in the list's order.
    pub(crate) to_load: Vec<PlannedUnit>,
    /// Units that are missing, or failed before anything was read; as loaded those that stay though files of them are gone,
    /// as partial those of which some tables are not chosen.
    pub(crate) outcomes: Vec<UnitOutcome>,
    /// What is told of units that are not listed: of those that were looked for all the same, and what was told before of
    /// the others.
    pub(crate) unlisted: Vec<UnitOutcome>,
    pub(crate) summary: PlanSummary,
    pub(crate) skipped: BTreeMap<Modality, usize>,
    pub(crate) notes: Vec<String>,
    /// What is no longer on disk of known units that were looked for.
    pub(crate) gone: Vec<(Unit, AbsentFiles, Remains)>,
    /// Units of the store and its cache, listed or not, whatever their modality.
    pub(crate) stored: BTreeSet<Unit>,
    /// What leaves when one comes in that has a better claim.
    pub(crate) evicted: Vec<Eviction>,
    /// StoredSessions units that were found, and how many of them are something else than before.
    pub(crate) known: usize,
    pub(crate) other_content: usize,
    /// By root: how many known units have files from there, and how many of them have a folder there.
    pub(crate) mounted: BTreeMap<SourceRoot, (usize, usize)>,
    /// The units that were looked for.
    pub(crate) looked_for: HashSet<Unit>,
    /// Listed sessions that have a folder.
    pub(crate) on_disk: HashSet<Session>,
    /// Whether what is gone leaves the store.
    pub(crate) prunes: bool,
    /// Whether any unit to load has a table.
    pub(crate) has_tables: bool,
}

/// Whether the store has more of a unit than what is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remains {
    Nothing,
    Something,
}

/// A unit to load.
#[derive(Debug, Clone)]
pub(crate) struct PlannedUnit {
    /// The session's index in the list.
    pub(crate) index: usize,
    pub(crate) unit: Unit,
    /// Whether any table of it was found.
    pub(crate) has_tables: bool,
    /// Whether the store has it, and its files changed.
    pub(crate) is_changed: bool,
    /// What the store knows of its TIV: the files that were looked at, and the one that it was taken from.
    pub(crate) known_tiv: Vec<SourceFile>,
    /// Whether the volume that the store has goes with its file.
    pub(crate) loses_volume: bool,
    /// When what the store has of it was read.
    pub(crate) known_read_at: ReadAt,
}

#[derive(Debug)]
pub(crate) enum Decision {
    Load {
        has_tables: bool,
        /// Whether it is something else than what the store has.
        differs: bool,
    },
    Skip,
    /// Nothing was found, or nothing that is chosen.
    Missing(String),
    /// In the store, and no longer on disk.
    Kept(String),
    Failed(String),
}

/// What the store and its cache know of a unit.
#[derive(Debug, Default)]
pub(crate) struct KnownUnit {
    pub(crate) sources: Vec<SourceFile>,
    /// Tables that it has rows of, from files of which nothing is known.
    pub(crate) without_files: BTreeSet<TableKey>,
}

impl KnownUnit {
    pub(crate) fn is_empty(&self) -> bool {
        self.sources.is_empty() && self.without_files.is_empty()
    }

    pub(crate) fn tables(&self) -> BTreeSet<TableKey> {
        let tables = self.sources.iter().filter(|source| source.kind == SourceKind::Table);
        let with_files = tables.filter_map(|source| Some((source.table_name()?, source.map.clone())));
        with_files.chain(self.without_files.iter().cloned()).collect()
    }

    pub(crate) fn tiv(&self) -> Vec<SourceFile> {
        let of_tiv = |source: &&SourceFile| source.kind == SourceKind::Tiv || source.tiv.is_some();
        self.sources.iter().filter(of_tiv).cloned().collect()
    }

    pub(crate) fn read_at(&self) -> ReadAt {
        self.sources.iter().map(|source| source.read_at).max().unwrap_or_default()
    }
}

/// A unit with what became of it.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) decision: Decision,
    /// Tables that are there beside what is chosen, in words.
    pub(crate) not_chosen: Option<String>,
    /// Whether its session has a folder under a root of tables, or nobody knows.
    pub(crate) has_folder: bool,
    pub(crate) is_known: bool,
    pub(crate) tiv: Vec<SourceFile>,
    pub(crate) read_at: ReadAt,
    pub(crate) gone: AbsentFiles,
    pub(crate) remains: Remains,
    /// The roots that it has files from, and whether it has a folder there.
    pub(crate) roots: BTreeMap<SourceRoot, bool>,
}

impl UnitPlan {
    /// Tells no more of outcomes and notes that name somebody who withdrew, wherever they are told.
    pub(crate) fn leave_untold(&mut self, names: &Names) {
        for outcome in self.outcomes.iter_mut().chain(&mut self.unlisted) {
            names.leave_untold(&mut outcome.reason);
        }
        // A note counts much: digits alone are no name in it.
        for note in self.notes.iter_mut().filter(|note| names.are_in(note)) {
            names.leave_untold(note);
        }
    }

    /// What `sessions.tsv` is going to tell beside what the store holds.
    pub(crate) fn all_outcomes(&self, failed: &[UnitOutcome]) -> Vec<UnitOutcome> {
        let has_failed: HashSet<&Unit> = failed.iter().map(|outcome| &outcome.unit).collect();
        let planned = self.outcomes.iter().filter(|outcome| !has_failed.contains(&outcome.unit));
        planned.chain(failed).chain(&self.unlisted).cloned().collect()
    }

    /// Listed units that cannot be read, or told from others.
    pub(crate) fn failed(&self) -> impl Iterator<Item = &UnitOutcome> {
        self.outcomes.iter().filter(|outcome| outcome.status == UnitStatus::Failed)
    }

    /// The units that are to be loaded, each with whether it has tables.
    pub(crate) fn units(&self) -> impl Iterator<Item = (Unit, bool)> {
        self.to_load.iter().map(|planned| (planned.unit.clone(), planned.has_tables))
    }

    /// Whether nothing was found for any session, and nothing is in the store.
    pub(crate) fn found_nothing(&self) -> bool {
        self.to_load.is_empty() && self.summary.skipped + self.summary.failed == 0
    }

    /// Whether no table was found of the atlas asked for, today or before.
    pub(crate) fn lacks_tables(&self) -> bool {
        self.summary.skipped + self.summary.failed == 0 && !self.has_tables
    }

    /// Adds a stored unit whose session is not listed, and was looked for all the same.
    pub(crate) fn add_unlisted(&mut self, unit: Unit, decided: Decided) {
        self.count_mounted(&decided);
        let Some(kept) = decided.gone.reason() else { return };
        self.looked_for.insert(unit.clone());
        if !self.prunes {
            if let Decision::Kept(note) = decided.decision {
                self.notes.push(note);
            }
            self.unlisted.push(UnitOutcome { unit: unit.clone(), status: UnitStatus::Loaded, reason: kept });
        } else if decided.remains == Remains::Nothing {
            self.unlisted.push(nothing_found(&unit));
        }
        self.gone.push((unit, decided.gone, decided.remains));
    }

    fn count_mounted(&mut self, decided: &Decided) {
        for (root, is_there) in &decided.roots {
            let (known, there) = self.mounted.entry(*root).or_default();
            *known += 1;
            *there += usize::from(*is_there);
        }
    }

    pub(crate) fn add(&mut self, index: usize, unit: Unit, decided: Decided) {
        let fail = |status, reason| UnitOutcome { unit: unit.clone(), status, reason };
        self.count_mounted(&decided);
        self.looked_for.insert(unit.clone());
        if decided.has_folder {
            self.on_disk.insert(unit.session.clone());
        }
        let leaves = self.prunes && decided.remains == Remains::Nothing;
        let (kept, loses_volume) = (decided.gone.reason(), decided.gone.volume);
        let not_chosen =
            decided.not_chosen.filter(|_| matches!(decided.decision, Decision::Load { .. } | Decision::Skip));
        let status = if not_chosen.is_some() { UnitStatus::Partial } else { UnitStatus::Loaded };
        let told: Vec<String> = kept.iter().filter(|_| !self.prunes).cloned().chain(not_chosen).collect();
        if !told.is_empty() {
            self.outcomes.push(fail(status, told.join("; ")));
        }
        if kept.is_some() {
            self.gone.push((unit.clone(), decided.gone, decided.remains));
        }
        self.known += usize::from(decided.is_known && !matches!(decided.decision, Decision::Kept(_)));
        match decided.decision {
            Decision::Load { has_tables, differs } => {
                self.has_tables |= has_tables;
                self.other_content += usize::from(differs);
                self.summary.to_load += 1;
                self.summary.changed += usize::from(decided.is_known);
                self.to_load.push(PlannedUnit {
                    index,
                    unit,
                    has_tables,
                    is_changed: decided.is_known,
                    known_tiv: decided.tiv,
                    loses_volume: self.prunes && loses_volume,
                    known_read_at: decided.read_at,
                });
            }
            Decision::Skip => self.skip(unit.modality),
            Decision::Kept(_) if leaves => {
                self.summary.missing += 1;
                self.outcomes.push(nothing_found(&unit));
            }
            Decision::Kept(note) => {
                self.notes.extend((!self.prunes).then_some(note));
                self.skip(unit.modality);
            }
            Decision::Missing(reason) => {
                self.summary.missing += 1;
                self.outcomes.push(fail(UnitStatus::Missing, reason));
            }
            Decision::Failed(reason) => {
                self.summary.failed += 1;
                self.outcomes.push(fail(UnitStatus::Failed, reason));
            }
        }
    }

    fn skip(&mut self, modality: Modality) {
        self.summary.skipped += 1;
        *self.skipped.entry(modality).or_default() += 1;
    }
}

pub(crate) fn nothing_found(unit: &Unit) -> UnitOutcome {
    let reason = format!("no {} tables were found", unit.modality);
    UnitOutcome { unit: unit.clone(), status: UnitStatus::Missing, reason }
}
