//! The folders under which an input's sessions lie, as it lists them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use na_model::{SourceRoot, TableName, UnitKind};

use crate::error::PipelineError;
use crate::files::roots::{Root, Roots};
use crate::files::session_folders::{Folders, list_root, names_in};
use crate::files::subjects_dir::{FolderChoice, SubjectsDir};
use crate::files::tiv_rank::image_of;
use crate::identifiers::name_match::IdKind;
use crate::inputs::meant_root::question;

/// A folder of `sub-*` folders with tables of regions, and what is looked for there. Sessions are discovered from it: where
/// a subject has `ses-*` folders, files outside of them are a visit of their own only if there is `anat` or `dwi`.
#[derive(Debug, Clone)]
pub struct TableRoot {
    setting: SourceRoot,
    path: PathBuf,
    prefix: String,
    tables: Vec<TableName>,
    /// Whether the user is told if no `sub-*` folder is there.
    is_told_if_empty: bool,
    /// Which folder is a session's, where those of all sessions lie side by side. `None` where subjects have folders.
    side_by_side: Option<FolderChoice>,
    /// What stands before the names of images in those of files, where the files of all sessions lie in one folder.
    prefixes_of_images: &'static [&'static str],
    /// Whether a folder looks like such a root. `None` if nothing tells.
    is_root: Option<fn(&Path) -> bool>,
}

impl TableRoot {
    /// The folder that a setting gives, and the tables that the run may write from it. Without tables it tells sessions
    /// and is not searched.
    #[must_use]
    pub fn new(setting: SourceRoot, path: &Path, tables: impl IntoIterator<Item = TableName>) -> Self {
        let (path, tables) = (path.to_owned(), tables.into_iter().collect());
        Self {
            setting,
            path,
            prefix: String::new(),
            tables,
            is_told_if_empty: true,
            side_by_side: None,
            prefixes_of_images: &[],
            is_root: None,
        }
    }

    /// A folder in the one that the setting gives: paths in the store begin with its name.
    #[must_use]
    pub fn below(mut self, folder: &str) -> Self {
        self.path.push(folder);
        self.prefix.push_str(folder);
        self.prefix.push('/');
        self.is_told_if_empty = false;
        self
    }

    /// The folders of all sessions lie side by side, as FreeSurfer has them in its `SUBJECTS_DIR`: `sub-S_ses-E`, `sub-S`, or as
    /// they are listed. `choice` says which is a session's if several are.
    #[must_use]
    pub fn side_by_side(mut self, choice: FolderChoice) -> Self {
        self.side_by_side = Some(choice);
        self
    }

    /// The files of all sessions lie in it, and their names say whose they are. A session's folder is then the one that would be called as
    /// its image.
    pub(super) fn of_images(mut self, choice: FolderChoice, prefixes: &'static [&'static str]) -> Self {
        self.side_by_side = Some(choice);
        self.prefixes_of_images = prefixes;
        self
    }

    /// Says by what such a root is told from other folders: if it does not look like one, the nearest that does is named.
    pub(super) fn told_by(mut self, is_root: fn(&Path) -> bool) -> Self {
        self.is_root = Some(is_root);
        self
    }

    /// What the user should know of where it points to.
    fn note(&self, n_subjects: usize) -> Option<RootNote> {
        let is_empty = n_subjects == 0;
        let may_be_told = match self.is_root {
            _ if is_empty => self.is_told_if_empty,
            is_root => is_root.is_some_and(|is_root| !is_root(&self.path)),
        };
        if !may_be_told {
            return None;
        }
        let problem = match is_empty {
            true if self.side_by_side.is_some() => "no session has a folder there",
            true => "no sub-* folders are there",
            false if self.side_by_side.is_some() => "its first folders have no files of its kind",
            false => "its first sub-* folders have no files of its kind",
        };
        let question = self.is_root.map(|is_root| question(&self.path, is_root)).unwrap_or_default();
        let note = RootNote::new(&self.setting, &self.path, problem, &question);
        (is_empty || note.names_another).then_some(note)
    }
}

/// What the user should know of a root.
pub(super) struct RootNote {
    text: String,
    /// Whether it asks if another folder is meant.
    names_another: bool,
}

impl RootNote {
    /// What is wrong with the folder that a setting gives, and the question whether another is meant, empty if none is
    /// known.
    pub(super) fn new(setting: &SourceRoot, path: &Path, problem: &str, question: &str) -> Self {
        let text = format!("{setting} is {}: {problem}{question}", path.display());
        Self { text, names_another: !question.is_empty() }
    }
}

/// The roots of an input while it lists them.
#[derive(Debug)]
pub struct RootList<'a> {
    pub(super) input: usize,
    pub(super) kind: UnitKind,
    pub(super) roots: &'a mut Roots,
}

impl RootList<'_> {
    /// Lists the subjects of a root.
    ///
    /// # Errors
    /// A folder that is missing or cannot be listed.
    pub fn add(&mut self, root: TableRoot) -> Result<(), PipelineError> {
        self.list(root, true).map(|_| ())
    }

    /// The same, and the root as it was listed.
    pub(super) fn add_and_see(&mut self, root: TableRoot) -> Result<&Root, PipelineError> {
        self.list(root, true)
    }

    /// Adds what the user should know; it stops nothing.
    pub fn note(&mut self, note: impl Into<String>) {
        self.roots.notes.push(note.into());
    }

    /// Adds a table whose files cannot be reached, and what the user should know of it: what the store has of it is not gone.
    pub(super) fn cannot_reach(&mut self, table: TableName, note: String) {
        self.roots.notes.push(note);
        self.roots.unreached.insert(table);
    }

    /// Adds what the user should know of a root.
    pub(super) fn tell(&mut self, RootNote { text, names_another }: RootNote, has_tables: bool) {
        if has_tables && names_another {
            self.roots.misplaced.get_or_insert_with(|| text.clone());
        }
        if !self.roots.notes.contains(&text) {
            self.roots.notes.push(text);
        }
    }

    /// Lists the subjects of a root that holds total intracranial volume and no table.
    pub(super) fn add_of_volumes(&mut self, root: TableRoot) -> Result<(), PipelineError> {
        self.list(root, false).map(|_| ())
    }

    fn list(&mut self, root: TableRoot, has_tables: bool) -> Result<&Root, PipelineError> {
        let all = if root.side_by_side.is_some() { "" } else { IdKind::Subject.prefix() };
        let mut listed = list_root(&root.setting, &root.path, all)?;
        let choice = root.side_by_side.clone();
        let flat = if root.prefixes_of_images.is_empty() {
            choice.map(|choice| SubjectsDir::new(&root.path, &listed, choice))
        } else {
            let names = names_in(&root.path).map_err(|source| PipelineError::RootUnreadable {
                setting: root.setting.clone(),
                path: root.path.clone(),
                source,
            })?;
            let image = |name| root.prefixes_of_images.iter().find_map(|prefix| image_of(prefix, name));
            // One image has several files.
            let images: BTreeSet<&str> = names.iter().filter_map(|name| image(name)).collect();
            Some(SubjectsDir::of_images(&root.path, images, choice.unwrap_or_default()))
        };
        let mut n_folders = listed.names.len();
        if let Some(flat) = &flat {
            n_folders = flat.examples(0).0;
            listed = flat.subjects(listed);
        }
        if let Some(note) = root.note(n_folders) {
            self.tell(note, has_tables);
        }
        let TableRoot { setting, path, prefix, tables, .. } = root;
        let subjects = Folders::new(&path, IdKind::Subject, listed);
        let (input, kind) = (self.input, self.kind.clone());
        Ok(self.roots.add(Root { input, kind, setting, prefix, has_tables, tables, subjects, flat }))
    }
}
