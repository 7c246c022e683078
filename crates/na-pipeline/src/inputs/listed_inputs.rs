//! The inputs of a run with their roots listed: whatever a run asks of all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use na_model::{SourceRoot, TableKind, TableName, UnitKind};

use crate::error::PipelineError;
use crate::files::roots::{Root, Roots};
use crate::inputs::entity_pick::EntityPick;
use crate::inputs::found_tables::FoundTable;
use crate::inputs::input::Input;
use crate::inputs::input_root::RootList;
use crate::inputs::searched_folder::SearchedFolder;
use crate::inputs::unit_files::FoundUnit;

/// The inputs of a run.
#[derive(Debug)]
pub(crate) struct ListedInputs {
    all: Vec<Arc<dyn Input>>,
    kinds: Vec<UnitKind>,
    pub(crate) roots: Roots,
    /// The tables that the run may write.
    tables: BTreeMap<TableName, InputTable>,
}

/// A table that a run may write.
#[derive(Debug)]
pub(crate) struct InputTable {
    pub(crate) input: Arc<dyn Input>,
    pub(crate) kind: Arc<TableKind>,
    /// The setting that leads to its files.
    root: SourceRoot,
}

impl ListedInputs {
    /// Lists the roots of the inputs that are asked for, each input's in turn.
    ///
    /// # Errors
    /// Settings that ask for nothing; a root that is missing or cannot be listed; a workflow that is not there; inputs
    /// that have a setting or a table in common.
    pub(crate) fn list(all: Vec<Arc<dyn Input>>) -> Result<Self, PipelineError> {
        let kinds = kinds_of(&all);
        let mut listed = Self { all, kinds, roots: Roots::default(), tables: BTreeMap::new() };
        listed.check_settings()?;
        let unasked = listed.all.iter().filter(|input| !input.is_asked_for());
        let hints: Vec<String> = unasked.filter_map(|input| input.hint()).collect();
        if listed.kinds.is_empty() {
            let hint = hints.iter().map(|hint| format!("; {hint}")).collect();
            return Err(PipelineError::NothingToLoad { hint });
        }
        listed.roots.notes.extend(hints);
        for (index, input) in listed.all.iter().enumerate().filter(|(_, input)| input.is_asked_for()) {
            let roots = &mut listed.roots;
            let (kind, begin) = (input.unit_kind(), roots.all.len());
            input.list_roots(&mut RootList { input: index, kind: kind.clone(), roots })?;
            for root in roots.all.iter().skip(begin) {
                for table in &root.tables {
                    check_kind(&**input, table)?;
                    let known = listed.tables.entry(table.clone()).or_insert_with(|| InputTable {
                        input: Arc::clone(input),
                        kind: Arc::new(input.kind(table)),
                        root: root.setting.clone(),
                    });
                    if !Arc::ptr_eq(&known.input, input) {
                        return Err(PipelineError::TwoProducers {
                            table: table.to_string(),
                            first: known.kind.input.clone(),
                            first_setting: known.root.clone(),
                            second: kind.input.clone(),
                            second_setting: root.setting.clone(),
                        });
                    }
                }
            }
        }
        listed.roots.workflows.check()?;
        Ok(listed)
    }

    fn check_settings(&self) -> Result<(), PipelineError> {
        let mut seen: BTreeMap<SourceRoot, PathBuf> = BTreeMap::new();
        for (setting, path) in self.all.iter().flat_map(|input| input.settings()) {
            let first = seen.entry(setting.clone()).or_insert_with(|| path.clone());
            if *first != path {
                return Err(PipelineError::SharedByInputs { setting });
            }
        }
        Ok(())
    }

    /// What the run could load besides, as sentences.
    pub(crate) fn offers(&self) -> impl Iterator<Item = String> {
        self.all.iter().filter(|input| !input.is_asked_for()).filter_map(|input| input.offer())
    }

    /// The kinds of units that the settings ask for, in the store's order.
    pub(crate) fn kinds(&self) -> &[UnitKind] {
        &self.kinds
    }

    /// What is asked of the inputs, as words.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.all.iter().flat_map(|input| input.asked()).collect()
    }

    /// The settings that are given, each with its folder.
    pub(crate) fn settings(&self) -> impl Iterator<Item = (SourceRoot, PathBuf)> {
        let all: BTreeMap<SourceRoot, PathBuf> = self.all.iter().flat_map(|input| input.settings()).collect();
        all.into_iter()
    }

    /// Whether the run looks for a table: its root is given and can be reached, and it is chosen.
    pub(crate) fn looks_for(&self, table: &TableName) -> bool {
        !self.roots.unreached.contains(table)
            && self.all.iter().any(|input| input.is_asked_for() && input.looks_for(table))
    }

    /// The tables that the run may write.
    pub(crate) fn table_kinds(&self) -> BTreeMap<TableName, TableKind> {
        let kinds = self.tables.iter();
        kinds.map(|(table, known)| (table.clone(), TableKind::clone(&known.kind))).collect()
    }

    /// A table that the run may write; `None` if no input has listed it.
    pub(crate) fn table(&self, table: &TableName) -> Option<&InputTable> {
        self.tables.get(table)
    }

    /// The names of a table's columns, and what statistics among them are called in features; none if it cannot be read.
    pub(crate) fn metrics_of(&self, table: &FoundTable) -> Vec<String> {
        let Some(known) = self.table(&table.table) else { return Vec::new() };
        let columns = known.input.columns(table);
        let words = columns.iter().filter_map(|column| known.kind.words.get(column)).cloned();
        words.chain(columns.iter().cloned()).collect()
    }

    /// The setting that leads to the files of a table. Of one that this run does not write, it is `parcellate`'s.
    pub(crate) fn root_of(&self, table: &TableName) -> SourceRoot {
        let known = self.tables.get(table).map(|known| known.root.clone());
        known.unwrap_or_else(|| SourceRoot::of_parcellate(table.modality()))
    }

    /// The input that reads a root.
    pub(crate) fn of(&self, root: &Root) -> Option<&Arc<dyn Input>> {
        self.all.get(root.input)
    }

    /// Whether an input has files in a session's folder under a root. A folder that cannot be searched has none.
    pub(crate) fn has_files(&self, root: &Root, folder: &Path) -> bool {
        let (pick, mut found) = (EntityPick::default(), FoundUnit::default());
        let folder = SearchedFolder::new(root, folder, &pick);
        self.of(root).is_some_and(|input| input.find(&folder, &mut found).is_ok()) && !found.is_empty()
    }
}

fn kinds_of(all: &[Arc<dyn Input>]) -> Vec<UnitKind> {
    let asked = all.iter().filter(|input| input.is_asked_for());
    let kinds: BTreeSet<UnitKind> = asked.map(|input| input.unit_kind()).collect();
    kinds.into_iter().collect()
}

/// Refuses a table that would not be of its input's units.
fn check_kind(input: &dyn Input, table: &TableName) -> Result<(), PipelineError> {
    let (kind, of_table) = (input.unit_kind(), input.kind(table).unit_kind(table));
    if kind == of_table {
        return Ok(());
    }
    Err(PipelineError::OtherUnits { table: table.to_string(), kind, of_table })
}
