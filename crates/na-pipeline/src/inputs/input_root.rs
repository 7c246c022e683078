//! The folders under which an input's sessions lie, as it lists them.

use std::path::{Path, PathBuf};

use na_model::{Modality, SourceRoot, TableName};

use crate::error::PipelineError;
use crate::files::roots::{Root, Roots};
use crate::files::session_folders::{Folders, list_root};
use crate::identifiers::name_match::IdKind;

/// A folder of `sub-*` folders with tables of regions, and what is looked for there. Sessions are discovered from it: where
/// a subject has `ses-*` folders, files outside of them are a visit of their own only if there is `anat` or `dwi`.
#[derive(Debug, Clone)]
pub struct TableRoot {
    setting: SourceRoot,
    path: PathBuf,
    prefix: String,
    tables: Vec<TableName>,
    /// Told if no `sub-*` folder is there.
    note_if_empty: Option<String>,
}

impl TableRoot {
    /// The folder that a setting gives, and the tables that the run may write from it. Without tables it tells sessions
    /// and is not searched.
    #[must_use]
    pub fn new(setting: SourceRoot, path: &Path, tables: impl IntoIterator<Item = TableName>) -> Self {
        let note_if_empty = Some(no_subjects(&setting, path));
        let (path, tables) = (path.to_owned(), tables.into_iter().collect());
        Self { setting, path, prefix: String::new(), tables, note_if_empty }
    }

    /// A folder in the one that the setting gives: paths in the store begin with its name.
    #[must_use]
    pub fn below(mut self, folder: &str) -> Self {
        self.path.push(folder);
        self.prefix.push_str(folder);
        self.prefix.push('/');
        self.note_if_empty = None;
        self
    }

    /// Asks whether a folder in it is meant, if that one is there and `sub-*` folders are not.
    pub(super) fn with_likely(mut self, folder: &str) -> Self {
        let likely = self.path.join(folder);
        if let Some(note) = self.note_if_empty.as_mut().filter(|_| likely.is_dir()) {
            note.push_str(&format!("; is {} meant?", likely.display()));
        }
        self
    }
}

fn no_subjects(setting: &SourceRoot, path: &Path) -> String {
    format!("{setting} is {}: no sub-* folders are there", path.display())
}

/// The roots of an input while it lists them.
#[derive(Debug)]
pub struct RootList<'a> {
    pub(super) input: usize,
    pub(super) modality: Modality,
    pub(super) roots: &'a mut Roots,
}

impl RootList<'_> {
    /// Lists the subjects of a root.
    ///
    /// # Errors
    /// A folder that is missing or cannot be listed.
    pub fn add(&mut self, root: TableRoot) -> Result<(), PipelineError> {
        self.list(root, true)
    }

    /// Adds what the user should know; it stops nothing.
    pub fn note(&mut self, note: impl Into<String>) {
        self.roots.notes.push(note.into());
    }

    /// Lists the subjects of a root that holds total intracranial volume and no table.
    pub(super) fn add_of_volumes(&mut self, setting: SourceRoot, path: &Path) -> Result<(), PipelineError> {
        self.list(TableRoot::new(setting, path, []), false)
    }

    fn list(&mut self, root: TableRoot, has_tables: bool) -> Result<(), PipelineError> {
        let TableRoot { setting, path, prefix, tables, note_if_empty } = root;
        let listed = list_root(&setting, &path, IdKind::Subject.prefix())?;
        self.roots.notes.extend(note_if_empty.filter(|_| listed.names.is_empty()));
        let subjects = Folders::new(&path, IdKind::Subject, listed);
        let (input, modality) = (self.input, self.modality);
        self.roots.add(Root { input, modality, setting, prefix, has_tables, tables, subjects });
        Ok(())
    }
}
