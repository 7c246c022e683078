//! What there is to do with one unit: its files on disk compared with what the store remembers of it.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::HashMap;
use na_model::{CHOOSE_OTHERS, Modality, ReadAt, Session, SourceFile, SourceKind, SourceRoot, Unit};

use crate::config::Config;
use crate::files::source_folder::folder_of;
use crate::inputs::found_tables::{FoundTable, NotChosen, TableKey};
use crate::inputs::listed_inputs::ListedInputs;
use crate::inputs::unit_files::FoundUnit;
use crate::inputs::unit_finder::UnitFinder;
use crate::plan::absent_files::{AbsentFiles, is_absent};
use crate::plan::changes::Changes;
use crate::plan::unit_records::UnitRecord;
use crate::sessions::session_list::{SessionList, WrittenIds};
use crate::unit_error::UnitError;

#[derive(Debug)]
pub(crate) enum Decision {
    Load {
        has_tables: bool,
        /// Whether its content is another than what the store has.
        differs: bool,
        /// Whether it is read again only because somebody asks for it.
        as_asked: bool,
    },
    Skip,
    /// Nothing was found, or nothing that is chosen.
    Missing(String),
    /// In the store, and no longer on disk.
    Keep(String),
    Fail(String),
}

/// Whether the store has more of a unit than what is gone from disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remains {
    Nothing,
    Something,
}

/// A decision, and what it was made on.
#[derive(Debug)]
pub(crate) struct UnitDecision {
    pub(crate) decision: Decision,
    /// Tables on disk of which other files are chosen, in words.
    pub(crate) not_chosen: Option<String>,
    /// Whether its session has a folder under a root of tables, or a file that may hold its volume; true if nobody
    /// looked.
    pub(crate) has_folder: bool,
    pub(crate) is_stored: bool,
    /// What the store remembers of its TIV, if it is loaded.
    pub(crate) tiv: Vec<SourceFile>,
    pub(crate) read_at: ReadAt,
    /// Tables that stay as the store has them: some of their files are gone.
    pub(crate) kept: BTreeSet<TableKey>,
    pub(crate) absent: AbsentFiles,
    pub(crate) remains: Remains,
    /// The roots that the store has files from, and whether the session has a folder there today.
    pub(crate) roots: BTreeMap<SourceRoot, bool>,
}

impl UnitDecision {
    pub(crate) fn new(decision: Decision, record: Option<&UnitRecord>) -> Self {
        let tiv = match (&decision, record) {
            (Decision::Load { .. }, Some(record)) => record.tiv(),
            _ => Vec::new(),
        };
        Self {
            decision,
            not_chosen: None,
            has_folder: true,
            is_stored: record.is_some(),
            tiv,
            read_at: record.map(UnitRecord::read_at).unwrap_or_default(),
            kept: BTreeSet::new(),
            absent: AbsentFiles::default(),
            remains: Remains::Something,
            roots: BTreeMap::new(),
        }
    }

    /// Whether the store is going to have it.
    pub(crate) fn comes_in(&self) -> bool {
        matches!(self.decision, Decision::Load { .. } | Decision::Skip)
    }
}

/// Decides units one by one, on any thread.
pub(crate) struct Decider<'a> {
    pub(crate) config: &'a Config,
    pub(crate) finder: &'a UnitFinder<'a>,
    pub(crate) list: &'a SessionList,
    /// Where each session stands in the list.
    pub(crate) indices: HashMap<&'a Session, usize>,
    pub(crate) changes: Changes,
}

impl Decider<'_> {
    /// What there is to do with a unit; `record` is `None` if the store does not have it.
    pub(crate) fn decide(&self, unit: &Unit, record: Option<&UnitRecord>) -> UnitDecision {
        let decision = match self.find(unit) {
            Err(reason) => Err(reason),
            Ok(found) => match record {
                None => Ok(new_unit(unit, &found)),
                Some(record) => self.stored_unit(unit, found, record).map_err(|error| error.to_string()),
            },
        };
        decision.unwrap_or_else(|reason| UnitDecision::new(Decision::Fail(reason), record))
    }

    /// The unit's files, or why they cannot be told.
    fn find(&self, unit: &Unit) -> Result<FoundUnit, String> {
        if let Some(reason) = self.list.refused.get(&unit.session) {
            return Err(reason.clone());
        }
        let index = self.indices.get(&unit.session);
        let found = match index.and_then(|index| self.list.as_written.get(*index)) {
            Some(written) => self.finder.find(unit, written),
            None => self.finder.find(unit, &WrittenIds::of(&unit.session)),
        };
        found.map_err(|error| error.to_string())
    }

    fn stored_unit(
        &self,
        unit: &Unit,
        mut found: FoundUnit,
        record: &UnitRecord,
    ) -> Result<UnitDecision, UnitError> {
        let tables = record.tables();
        let lacking = found.found.tables.iter().filter(|table| table.lacks_files(&record.sources));
        let lacking: BTreeSet<TableKey> = lacking.map(FoundTable::key).collect();
        let is_cut_short = !lacking.is_empty() && self.config.prune;
        let kept = if self.config.prune { BTreeSet::new() } else { lacking };
        // To the store they are as if all of their files were gone: it has more of them than there is.
        found.found.tables.retain(|table| !kept.contains(&table.key()));
        let found = &found;
        let absent = AbsentFiles::of(self.finder.inputs, found, &record.sources, &tables);
        let decision = if !kept.is_empty() {
            // What stays is of an earlier run of its program: nothing of a later one is mixed with it.
            Decision::Skip
        } else if !found.is_empty() {
            self.load_or_skip(found, record, &absent, is_cut_short)?
        } else if absent.reason().is_some() {
            Decision::Keep(why_kept(unit, found))
        } else {
            // The run asks for nothing that the store has of it.
            Decision::Skip
        };
        let mut decided = UnitDecision::new(decision, Some(record));
        decided.not_chosen =
            in_words(found.found.not_chosen.iter().filter(|other| !tables.iter().any(|key| other.has(key))));
        decided.has_folder = has_folder(found);
        decided.kept = kept;
        if self.config.prune {
            // What is gone is forgotten: the volume is then looked for in what is there.
            decided.tiv.retain(|source| !is_absent(source, found));
        }
        let has_volume = record.sources.iter().any(|source| source.tiv.is_some());
        let has_other_volume = has_volume && !absent.volume;
        if found.is_empty() && tables.is_subset(&absent.tables) && !has_other_volume {
            decided.remains = Remains::Nothing;
        }
        decided.absent = absent;
        decided.roots = roots_of(self.finder.inputs, unit, found, record);
        Ok(decided)
    }

    fn load_or_skip(
        &self,
        found: &FoundUnit,
        record: &UnitRecord,
        absent: &AbsentFiles,
        is_cut_short: bool,
    ) -> Result<Decision, UnitError> {
        let has_changed = is_cut_short || self.changes.any(found, &record.sources)?;
        let mut of_tiv = record.sources.iter().filter(|source| source.kind == SourceKind::Tiv);
        // What else was looked into is only forgotten where the volume is found anew, which needs all of its roots.
        let is_looked_for =
            |source: &SourceFile| found.tiv.looked().contains(&source.root_in(Modality::Anatomical));
        let is_found_anew = of_tiv.clone().all(is_looked_for);
        let forgets = absent.volume || is_found_anew && of_tiv.any(|source| is_absent(source, found));
        if !(has_changed || self.config.reload || (self.config.prune && forgets)) {
            return Ok(Decision::Skip);
        }
        // Without a record of its files nobody can say whether its content is another.
        let differs = has_changed && !record.sources.is_empty();
        let as_asked = self.config.reload && !has_changed;
        Ok(Decision::Load { has_tables: !found.found.tables.is_empty(), differs, as_asked })
    }
}

fn new_unit(unit: &Unit, found: &FoundUnit) -> UnitDecision {
    let decision = match found.is_empty() {
        true => Decision::Missing(why_missing(unit, found)),
        false => {
            let has_tables = !found.found.tables.is_empty();
            Decision::Load { has_tables, differs: false, as_asked: false }
        }
    };
    UnitDecision {
        not_chosen: in_words(&found.found.not_chosen),
        has_folder: has_folder(found),
        ..UnitDecision::new(decision, None)
    }
}

fn has_folder(found: &FoundUnit) -> bool {
    found.has_folder_of_tables || !found.tiv.is_empty()
}

/// The roots that a unit's record has files or rows from, and whether its session has a folder there.
fn roots_of(
    inputs: &ListedInputs,
    unit: &Unit,
    found: &FoundUnit,
    record: &UnitRecord,
) -> BTreeMap<SourceRoot, bool> {
    let of_files = record.sources.iter().filter_map(|source| Some(folder_of(source, unit.modality())?.0.0));
    let of_rows = record.without_files.iter().map(|(table, _)| inputs.root_of(table));
    let has_folder = |root: &SourceRoot| found.folders.iter().any(|folder| folder.root.0 == *root);
    let roots: BTreeSet<SourceRoot> = of_files.chain(of_rows).collect();
    roots.into_iter().map(|root| (root.clone(), has_folder(&root))).collect()
}

/// Why a unit is missing of which there is no file at all.
pub(super) fn nothing_found_reason(unit: &Unit) -> String {
    format!("no {} tables were found", unit.kind)
}

fn why_missing(unit: &Unit, found: &FoundUnit) -> String {
    let not_chosen = in_words(&found.found.not_chosen);
    not_chosen.unwrap_or_else(|| nothing_found_reason(unit))
}

fn why_kept(unit: &Unit, found: &FoundUnit) -> String {
    match in_words(&found.found.not_chosen) {
        None => format!("{unit}: its files are gone; what the store has of it stays"),
        Some(not_chosen) => format!("{unit}: {not_chosen}; what the store has of it stays"),
    }
}

/// Tables of which other files are chosen, in words; `None` if there are none.
fn in_words<'f>(tables: impl IntoIterator<Item = &'f NotChosen>) -> Option<String> {
    let mut words: Vec<String> = Vec::new();
    for table in tables.into_iter().map(ToString::to_string) {
        // Maps of one table have the same words.
        if !words.contains(&table) {
            words.push(table);
        }
    }
    (!words.is_empty()).then(|| format!("{}: {CHOOSE_OTHERS}", words.join(", ")))
}
