//! The files of a session that may hold its total intracranial volume.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use na_model::SourceRoot;

use crate::files::path::relative;
use crate::files::session_entities::{FolderSession, names_same, visit_of};
use crate::files::session_folders::names_in;
use crate::files::tiv_rank::{Rank, rank_of_file};
use crate::unit_error::UnitError;

/// A file that may hold the volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TivFile {
    pub(crate) rank: Rank,
    pub(crate) root: SourceRoot,
    pub(crate) path: PathBuf,
    /// Its path under its root, with `/` between folders.
    pub(crate) relative: String,
}

/// The files that were found, and the roots that were searched.
#[derive(Debug, Default)]
pub(crate) struct TivFiles {
    /// The most trusted first, then by path.
    files: Vec<TivFile>,
    /// The roots that were searched completely.
    looked: Vec<SourceRoot>,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
    /// The folders that files were taken from.
    folders: Vec<PathBuf>,
}

impl TivFiles {
    /// Notes that a root was searched and has no folder of the session.
    pub(crate) fn has_no_folder(&mut self, root: &SourceRoot) {
        self.looked.push(root.clone());
    }

    /// Leaves out files that name another visit than the tables, if no folder names one.
    pub(crate) fn leave_out_other_visits(&mut self, visit: &str) {
        for file in std::mem::take(&mut self.files) {
            let named = file.path.file_name().and_then(|name| visit_of(name.to_str()?));
            let Some(other) = named.filter(|named| !names_same(named, visit)) else {
                self.files.push(file);
                continue;
            };
            self.notes.push(format!(
                "{}: its name says that it is of ses-{other}, and the tables are of ses-{visit}; total intracranial volume is \
                 not taken from it",
                file.path.display()
            ));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, TivFile> {
        self.files.iter()
    }

    pub(crate) fn looked(&self) -> &[SourceRoot] {
        &self.looked
    }

    /// Looks into folders under a root for files of the ranks that are wanted. Folders in `listed` are not listed again.
    pub(crate) fn look(
        &mut self,
        root: &SourceRoot,
        root_path: &Path,
        folders: &[PathBuf],
        listed: &[(PathBuf, BTreeSet<String>)],
        is_wanted: impl Fn(Rank) -> bool,
    ) {
        let mut is_whole = true;
        for folder in folders {
            // A folder that cannot be listed is a note: the tables are loaded without what lies there.
            let known = listed.iter().find(|(listed, names)| listed == folder && !names.is_empty());
            let looked = match known {
                Some((_, names)) => self.take(root, root_path, folder, names, &is_wanted),
                None => {
                    names_in(folder).and_then(|names| self.take(root, root_path, folder, &names, &is_wanted))
                }
            };
            if let Err(error) = looked {
                let error = UnitError::unreadable(folder, error);
                self.notes.push(format!("{error}; total intracranial volume is not looked for there"));
                is_whole = false;
            }
        }
        if is_whole {
            self.looked.push(root.clone());
        }
        self.files.sort_by(|a, b| (a.rank, &a.relative, &a.root).cmp(&(b.rank, &b.relative, &b.root)));
    }

    fn take(
        &mut self,
        root: &SourceRoot,
        root_path: &Path,
        folder: &Path,
        names: &BTreeSet<String>,
        is_wanted: &impl Fn(Rank) -> bool,
    ) -> io::Result<()> {
        let mut found = Vec::new();
        for name in names {
            let Some(rank) = rank_of_file(name).filter(|rank| is_wanted(*rank)) else { continue };
            let path = folder.join(name);
            let relative = relative(root_path, &path);
            match FolderSession::of(&relative).other_session(name) {
                Some(named) => self.notes.push(format!(
                    "{}: its name says that it is of {named}; total intracranial volume is not taken from it",
                    path.display()
                )),
                None => found.push(TivFile { rank, root: root.clone(), path, relative }),
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        // `report` may be a link to the folder above, and both roots may be one.
        let mut is_seen = false;
        if !self.folders.is_empty() {
            let real = fs::canonicalize(folder)?;
            for seen in &self.folders {
                is_seen = is_seen || fs::canonicalize(seen)? == real;
            }
        }
        if !is_seen {
            self.folders.push(folder.to_owned());
            self.files.append(&mut found);
        }
        Ok(())
    }
}
