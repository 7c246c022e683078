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

/// The folder under `anat` that CAT12 writes its reports into, unless it writes all into one folder.
const REPORT: &str = "report";

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
    /// Looks under `CAT12_ROOT` for reports, and for tables of volumes beside them.
    pub(crate) fn look_for_reports(&mut self, root: &Path, session_folder: &Path) {
        let anat = session_folder.join("anat");
        let report = anat.join(REPORT);
        match names_in(&anat) {
            // A folder that the listing does not have need not be opened.
            Ok(names) => {
                let has_report = names.iter().any(|name| name.eq_ignore_ascii_case(REPORT));
                let folders = if has_report { vec![report, anat.clone()] } else { vec![anat.clone()] };
                self.look(SourceRoot::Cat12, root, &folders, &[(anat, names)], |_| true);
            }
            Err(_) => self.look(SourceRoot::Cat12, root, &[report, anat], &[], |_| true),
        }
    }

    /// Looks for tables of volumes where `parcellate` writes them, beside the tables of regions. Folders in `listed`
    /// are not listed again.
    pub(crate) fn look_beside_tables(
        &mut self,
        root: &Path,
        session_folder: &Path,
        atlas: &str,
        listed: &[(PathBuf, BTreeSet<String>)],
    ) {
        let anat = session_folder.join("anat");
        let folders = [anat.join(format!("atlas-{atlas}")), anat];
        self.look(SourceRoot::Cat12Parcellated, root, &folders, listed, |rank| {
            matches!(rank, Rank::Table(_))
        });
    }

    /// Notes that a root was searched and has no folder of the session.
    pub(crate) fn has_no_folder(&mut self, root: SourceRoot) {
        self.looked.push(root);
    }

    /// Leaves out files that name another visit than the tables, if no folder names one.
    pub(crate) fn leave_out_other_visits(&mut self, visit: &str) {
        let notes = &mut self.notes;
        self.files.retain(|file| {
            let named = file.path.file_name().and_then(|name| visit_of(name.to_str()?));
            let Some(other) = named.filter(|named| !names_same(named, visit)) else { return true };
            notes.push(format!(
                "{}: its name says that it is of ses-{other}, and the tables are of ses-{visit}; total intracranial volume is \
                 not taken from it",
                file.path.display()
            ));
            false
        });
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

    fn look(
        &mut self,
        root: SourceRoot,
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
            self.looked.push(root);
        }
        self.files.sort_by(|a, b| (a.rank, &a.relative, a.root).cmp(&(b.rank, &b.relative, b.root)));
    }

    fn take(
        &mut self,
        root: SourceRoot,
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
                None => found.push(TivFile { rank, root, path, relative }),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn cohort(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        root
    }

    fn found(files: &TivFiles) -> Vec<&str> {
        files.iter().map(|file| file.relative.as_str()).collect()
    }

    #[test]
    fn reports_come_in_order_of_trust() {
        let root = cohort(&[
            "sub-1/anat/sub-1_tiv.tsv",
            "sub-1/anat/cat_b.xml",
            "sub-1/anat/cat_sub-1_T1w.xml",
            "sub-1/anat/cat_sub-1_ce-uncorrected_T1w.xml",
            "sub-1/anat/cat_sub-1_ce-corrected_T1w.xml",
            "sub-1/anat/report/cat_sub-1_ce-corrected_T1w.xml",
            "sub-1/anat/report/cat_a.xml",
            "sub-1/anat/catROI_sub-1_T1w.xml",
            "sub-1/anat/._cat_sub-1_T1w.xml",
            "sub-1/anat/._sub-1_tiv.tsv",
            "sub-1/anat/cat_sub-1_T1w.mat",
        ]);
        let mut files = TivFiles::default();
        files.look_for_reports(root.path(), &root.path().join("sub-1"));
        assert_eq!(
            found(&files),
            [
                "sub-1/anat/cat_sub-1_ce-corrected_T1w.xml",
                "sub-1/anat/report/cat_sub-1_ce-corrected_T1w.xml",
                "sub-1/anat/cat_sub-1_ce-uncorrected_T1w.xml",
                "sub-1/anat/cat_sub-1_T1w.xml",
                "sub-1/anat/cat_b.xml",
                "sub-1/anat/report/cat_a.xml",
                "sub-1/anat/sub-1_tiv.tsv",
            ]
        );
        assert_eq!((files.looked(), files.notes.len()), (&[SourceRoot::Cat12][..], 0));
        let mut files = TivFiles::default();
        files.look_for_reports(root.path(), &root.path().join("sub-2"));
        assert!(files.is_empty() && files.notes.is_empty());
    }

    #[test]
    fn tables_of_volumes_are_found_where_parcellate_writes_them() {
        let root = cohort(&[
            "sub-1/anat/sub-1_tiv.tsv",
            "sub-1/anat/atlas-A/sub-1_desc-x_tiv.tsv",
            "sub-1/anat/atlas-B/sub-1_tiv.tsv",
            "sub-1/anat/cat_sub-1_T1w.xml",
        ]);
        let mut files = TivFiles::default();
        files.look_beside_tables(root.path(), &root.path().join("sub-1"), "A", &[]);
        let expected = ["sub-1/anat/atlas-A/sub-1_desc-x_tiv.tsv", "sub-1/anat/sub-1_tiv.tsv"];
        assert_eq!(found(&files), expected);
        assert_eq!(files.looked(), [SourceRoot::Cat12Parcellated]);
    }

    #[test]
    fn a_report_of_another_session_is_none_and_is_named() {
        let root = cohort(&["sub-1/anat/cat_sub-2_T1w.xml", "sub-1/anat/cat_sub-0001_T1w.xml"]);
        let mut files = TivFiles::default();
        files.look_for_reports(root.path(), &root.path().join("sub-1"));
        assert_eq!(found(&files), ["sub-1/anat/cat_sub-0001_T1w.xml"]);
        assert!(
            files.notes[0].contains("cat_sub-2_T1w.xml: its name says that it is of sub-2"),
            "{:?}",
            files.notes
        );
    }

    #[test]
    fn a_folder_that_cannot_be_listed_is_a_note() {
        let root = cohort(&["sub-1/anat"]);
        let mut files = TivFiles::default();
        files.look_for_reports(root.path(), &root.path().join("sub-1"));
        assert!(files.is_empty() && files.looked().is_empty());
        assert!(files.notes[0].contains("sub-1/anat"), "{:?}", files.notes);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_two_ways_lead_to_is_found_once() {
        let root = cohort(&["sub-1/anat/cat_a.xml", "sub-1/anat/sub-1_tiv.tsv"]);
        std::os::unix::fs::symlink(".", root.path().join("sub-1/anat/report")).unwrap();
        let mut files = TivFiles::default();
        files.look_for_reports(root.path(), &root.path().join("sub-1"));
        files.look_beside_tables(root.path(), &root.path().join("sub-1"), "A", &[]);
        assert_eq!(files.iter().count(), 2, "{files:?}");
    }
}
