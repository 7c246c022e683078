//! The roots of a run, listed once: which subjects have a folder under which.

use std::path::Path;

use na_model::{Modality, SourceRoot, Workflow};

use crate::files::session_folders::Folders;
use crate::files::source_folder::RootKey;

/// A folder that holds folders of subjects.
#[derive(Debug)]
pub(crate) struct Root {
    /// The setting that leads to it.
    pub(crate) setting: SourceRoot,
    /// The workflow, under `QSIPARC_PATH`.
    pub(crate) workflow: Option<Workflow>,
    /// Of the units that have files here.
    pub(crate) modality: Modality,
    /// The folder of scans in a session's folder: `anat` or `dwi`.
    pub(crate) scans: &'static str,
    /// Whether tables of regions lie here, and sessions are listed from here: else total intracranial volume alone.
    pub(crate) has_tables: bool,
    pub(crate) subjects: Folders,
}

impl Root {
    pub(crate) fn path(&self) -> &Path {
        &self.subjects.path
    }

    pub(crate) fn key(&self) -> RootKey {
        (self.setting, self.workflow.clone())
    }
}

/// All roots of a run.
#[derive(Debug, Default)]
pub(crate) struct Roots {
    pub(crate) all: Vec<Root>,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
}

impl Roots {
    /// Adds a root, with a note for each folder in it that is left out.
    pub(crate) fn add(&mut self, root: Root) {
        self.notes.extend(root.subjects.notes());
        self.all.push(root);
    }

    /// The roots that sessions are listed from.
    pub(crate) fn of_tables(&self) -> impl Iterator<Item = &Root> {
        self.all.iter().filter(|root| root.has_tables)
    }

    /// The root of a path in the store; `None` if this run does not look there.
    pub(crate) fn get(&self, (setting, workflow): &RootKey) -> Option<&Root> {
        self.all.iter().find(|root| root.setting == *setting && root.workflow == *workflow)
    }
}
