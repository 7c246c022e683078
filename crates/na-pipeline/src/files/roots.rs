//! The roots of a run, listed once: which subjects have a folder under which.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[cfg(test)]
use na_model::Modality;
use na_model::{SourceRoot, TableName, UnitKind};

use crate::error::PipelineError;
use crate::files::session_folders::{Folders, list_sessions};
use crate::files::source_folder::RootKey;
use crate::files::subjects_dir::SubjectsDir;
use crate::unit_error::UnitError;

/// A folder that holds folders of subjects.
#[derive(Debug)]
pub(crate) struct Root {
    /// The input that reads it, by its index among the run's.
    pub(crate) input: usize,
    /// Of the units that have files here.
    pub(crate) kind: UnitKind,
    /// The setting that leads to it.
    pub(crate) setting: SourceRoot,
    /// What stands before `sub-` in the store's paths of its files: nothing, or the folder below the setting's with `/`.
    pub(crate) prefix: String,
    /// Whether tables of regions lie here, and sessions are listed from here: else total intracranial volume alone.
    pub(crate) has_tables: bool,
    /// The tables that the run looks for here.
    pub(crate) tables: Vec<TableName>,
    pub(crate) subjects: Folders,
    /// Where folders of sessions lie side by side, or the files of all; `subjects` are then those that they name.
    pub(crate) flat: Option<SubjectsDir>,
}

impl Root {
    pub(crate) fn path(&self) -> &Path {
        &self.subjects.path
    }

    pub(crate) fn key(&self) -> RootKey {
        (self.setting.clone(), self.prefix.clone())
    }

    /// The folders of a subject's visits.
    ///
    /// # Errors
    /// A subject's folder that leads nowhere, or cannot be listed.
    pub(crate) fn visits(&self, subject: &str) -> Result<Folders, UnitError> {
        if let Some(flat) = &self.flat {
            return Ok(flat.visits(subject));
        }
        let folder = self.subjects.reached(subject)?;
        list_sessions(&folder).map_err(|source| UnitError::unreadable(&folder, source))
    }

    /// The folder with a subject's files of no visit. `None` if folders lie side by side and none is of the subject alone.
    pub(crate) fn without_visit(&self, subject: &str) -> Result<Option<PathBuf>, UnitError> {
        match &self.flat {
            Some(flat) => flat.without_visit(subject),
            None => self.subjects.reached(subject).map(Some),
        }
    }

    /// Whether no session has a folder.
    pub(crate) fn is_empty(&self) -> bool {
        self.flat.as_ref().map_or(self.subjects.index.names().is_empty(), |flat| flat.examples(0).0 == 0)
    }

    /// Whether the run asks for what lies here.
    pub(crate) fn is_searched(&self) -> bool {
        !(self.has_tables && self.tables.is_empty())
    }
}

#[cfg(test)]
impl Root {
    /// A root of anatomical tables that was not listed.
    pub(crate) fn unlisted(setting: SourceRoot, path: &Path, tables: Vec<TableName>) -> Self {
        let listed = crate::files::session_folders::FolderListing::default();
        let subjects = Folders::new(path, crate::identifiers::name_match::IdKind::Subject, listed);
        let (kind, prefix) = (UnitKind::of_parcellate(Modality::Anatomical), String::new());
        Self { input: 0, kind, setting, prefix, has_tables: true, tables, subjects, flat: None }
    }
}

/// All roots of a run.
#[derive(Debug, Default)]
pub(crate) struct Roots {
    pub(crate) all: Vec<Root>,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
    /// The note of the first root of tables that has none, where another folder near it has.
    pub(crate) misplaced: Option<String>,
    /// The tables whose files cannot be reached, by a link that leads nowhere.
    pub(crate) unreached: BTreeSet<TableName>,
    /// The workflows that are asked for by name.
    pub(crate) workflows: WorkflowsAsked,
}

/// The workflows that a run asks for by name, and where they were looked for: each must be under one root at least.
#[derive(Debug, Default)]
pub(crate) struct WorkflowsAsked {
    there: BTreeSet<String>,
    /// What is not under a root, and what the root has instead, in words.
    lacking: Vec<(String, String)>,
}

impl WorkflowsAsked {
    pub(crate) fn look(&mut self, asked: &[String], root: &Path, there: &[&str]) {
        let (found, lacking): (Vec<_>, Vec<_>) =
            asked.iter().partition(|name| there.contains(&name.as_str()));
        let known = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
        let looked = format!("under {}: there are {known}", root.display());
        self.there.extend(found.into_iter().cloned());
        self.lacking.extend(lacking.into_iter().map(|name| (name.clone(), looked.clone())));
    }

    /// Refuses a workflow that is nowhere.
    pub(crate) fn check(&self) -> Result<(), PipelineError> {
        let Some((asked, _)) = self.lacking.iter().find(|(asked, _)| !self.there.contains(asked)) else {
            return Ok(());
        };
        let of_it = self.lacking.iter().filter(|(lacking, _)| lacking == asked);
        let looked: Vec<&str> = of_it.map(|(_, looked)| looked.as_str()).collect();
        Err(PipelineError::UnknownWorkflow { asked: asked.clone(), looked: looked.join("; and not ") })
    }
}

impl Roots {
    /// Adds a root, with a note for each folder in it that is left out.
    pub(crate) fn add(&mut self, root: Root) -> &Root {
        // Two inputs may have one root.
        let notes = root.subjects.notes().into_iter().filter(|note| !self.notes.contains(note));
        let notes: Vec<String> = notes.collect();
        self.notes.extend(notes);
        self.all.push_mut(root)
    }

    /// The roots that sessions are listed from.
    pub(crate) fn of_tables(&self) -> impl Iterator<Item = &Root> {
        self.all.iter().filter(|root| root.has_tables)
    }

    /// The root of a path in the store; `None` if this run does not look there.
    pub(crate) fn get(&self, (setting, prefix): &RootKey) -> Option<&Root> {
        self.all.iter().find(|root| root.setting == *setting && root.prefix == *prefix)
    }
}
