//! CAT12's segmentations: tables as `parcellate` writes them, `anat/atlas-A/*_tissue-GM_parc.tsv`, and reports with
//! total intracranial volume.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use na_model::{Modality, SourceRoot, TableKind, TableName, Tissue, UnitKind};

use crate::error::PipelineError;
use crate::files::session_folders::{ANAT, names_in};
use crate::files::tiv_files::TivFiles;
use crate::files::tiv_rank::Rank;
use crate::inputs::cat12_files::{REPORT, REPORTS};
use crate::inputs::found_tables::{FileBytes, FoundTable, FoundTables};
use crate::inputs::input::Input;
use crate::inputs::input_root::{RootList, TableRoot};
use crate::inputs::meant_root::{has_name, has_session};
use crate::inputs::parcellate_tables::{
    ATLAS, ATLAS_PREFIX, PARC, Search, atlases_in, header, is_table_name, parse_the_one,
};
use crate::inputs::searched_folder::SearchedFolder;
use crate::inputs::unit_files::FoundUnit;
use crate::parse::parsed_table::ParsedTable;
use crate::unit_error::UnitError;

/// CAT12's tables and reports.
#[derive(Debug)]
pub(crate) struct Cat12 {
    /// CAT12's own output, where its reports are.
    pub(crate) reports: Option<PathBuf>,
    pub(crate) tables: Option<PathBuf>,
    pub(crate) tissues: Vec<Tissue>,
    pub(crate) atlas: String,
    /// The run that is chosen where a session has several.
    pub(crate) run: Option<String>,
}

impl Input for Cat12 {
    fn unit_kind(&self) -> UnitKind {
        UnitKind::of_parcellate(Modality::Anatomical)
    }

    fn settings(&self) -> Vec<(SourceRoot, PathBuf)> {
        let reports = self.reports.clone().map(|path| (SourceRoot::CAT12, path));
        let tables = self.tables.clone().map(|path| (SourceRoot::CAT12_PARCELLATED, path));
        [reports, tables].into_iter().flatten().collect()
    }

    fn is_asked_for(&self) -> bool {
        self.tables.is_some() && !self.tissues.is_empty()
    }

    fn hint(&self) -> Option<String> {
        let path = self.reports.as_deref().filter(|_| self.tables.is_none() && !self.tissues.is_empty())?;
        has_tables(path).then(|| {
            format!(
                "CAT12_ROOT is {}, which has tables of parcellate: they are --cat12-parcellated-root (CAT12_PARCELLATED_ROOT) here, \
                 and --cat12-root in later versions of the pandas package",
                path.display()
            )
        })
    }

    fn asked(&self) -> Vec<String> {
        self.tissues.iter().map(ToString::to_string).collect()
    }

    fn looks_for(&self, table: &TableName) -> bool {
        self.tissues.iter().any(|tissue| TableName::from(*tissue) == *table)
    }

    fn list_roots(&self, roots: &mut RootList<'_>) -> Result<(), PipelineError> {
        if let Some(path) = &self.tables {
            let tables = self.tissues.iter().copied().map(TableName::from);
            roots.add(TableRoot::new(SourceRoot::CAT12_PARCELLATED, path, tables).told_by(has_tables))?;
        }
        match &self.reports {
            Some(path) => REPORTS.add_roots(roots, path, &[], self.run.as_deref(), has_reports)?,
            None => roots.note(
                "CAT12_ROOT is not set: total intracranial volume is taken from the tables and the files beside them, where \
                 they have it",
            ),
        }
        Ok(())
    }

    fn kind(&self, table: &TableName) -> TableKind {
        TableKind::of_parcellate(table)
    }

    fn find(&self, folder: &SearchedFolder<'_>, found: &mut FoundUnit) -> Result<(), UnitError> {
        if *folder.setting() == SourceRoot::CAT12 && folder.is_image() {
            look_for_report_of_image(&mut found.tiv, folder);
            return Ok(());
        }
        if *folder.setting() == SourceRoot::CAT12 {
            look_for_reports(&mut found.tiv, folder.root(), folder.path());
            return Ok(());
        }
        let tables = find_tables(folder, &self.atlas)?;
        look_beside_tables(&mut found.tiv, folder.root(), folder.path(), &self.atlas, &tables.listed);
        found.found.extend(tables);
        Ok(())
    }

    fn parse(
        &self,
        table: &FoundTable,
        files: &[FileBytes<'_>],
        should_stop: &dyn Fn() -> bool,
    ) -> Result<ParsedTable, UnitError> {
        parse_the_one(table, files, should_stop)
    }

    fn columns(&self, table: &FoundTable) -> Vec<String> {
        header(table.path())
    }

    fn atlases(&self, session_folder: &Path) -> Vec<String> {
        atlases_in(&session_folder.join(ANAT))
    }
}

/// Whether a folder looks like a root of tables.
fn has_tables(root: &Path) -> bool {
    has_session(root, |session| {
        has_name(&session.join(ANAT), |name| name.starts_with(ATLAS_PREFIX) || is_table_name(&PARC, name))
    })
}

/// Whether a folder looks like CAT12's own output, or a part of it.
pub(super) fn has_reports(root: &Path) -> bool {
    let is_of_cat12 = |name: &str| name.eq_ignore_ascii_case(REPORT) || name.starts_with("cat_");
    // parcellate writes these beside its tables, too.
    let is_of_either = |name: &str| name.ends_with("_tiv.tsv");
    let has =
        |is_such: &dyn Fn(&str) -> bool| has_session(root, |session| has_name(&session.join(ANAT), is_such));
    REPORTS.has_images(root) || has(&is_of_cat12) || (has(&is_of_either) && !has_tables(root))
}

/// The tables of a session's folder, a file for each of the root's tissues at most, in the order of tissues. Older
/// versions of `parcellate` have no folder for the atlas; there the file name must say it.
///
/// # Errors
/// Several files for one tissue; a compressed file; a folder that cannot be listed.
fn find_tables(folder: &SearchedFolder<'_>, atlas: &str) -> Result<FoundTables, UnitError> {
    Search { folder, scans: ANAT, atlas, atlas_keys: &ATLAS, endings: &PARC }.run(|_, name| {
        let entity = name.entity("tissue")?;
        let tissue = Tissue::ALL.into_iter().find(|tissue| entity.eq_ignore_ascii_case(tissue.entity()))?;
        let table = TableName::from(tissue);
        folder.tables().contains(&table).then_some((table, None))
    })
}

/// Looks under `CAT12_ROOT` for reports, and for tables of volumes beside them.
fn look_for_reports(tiv: &mut TivFiles, root: &Path, session_folder: &Path) {
    let anat = session_folder.join(ANAT);
    let report = anat.join(REPORT);
    match names_in(&anat) {
        // A folder that the listing does not have need not be opened.
        Ok(names) => {
            let has_report = names.iter().any(|name| name.eq_ignore_ascii_case(REPORT));
            let folders = if has_report { vec![report, anat.clone()] } else { vec![anat.clone()] };
            tiv.look(&SourceRoot::CAT12, root, &folders, &[(anat, names)], |_| true);
        }
        Err(_) => tiv.look(&SourceRoot::CAT12, root, &[report, anat], &[], |_| true),
    }
}

/// Looks for the report of an image among those of all sessions.
fn look_for_report_of_image(tiv: &mut TivFiles, folder: &SearchedFolder<'_>) {
    let (reports, report) = (folder.root().to_owned(), REPORTS.name_of_image(folder));
    let of_cat12 = reports.parent().unwrap_or(&reports).to_owned();
    let listed = [(reports.clone(), report.into_iter().collect())];
    tiv.look(&SourceRoot::CAT12, &of_cat12, &[reports], &listed, |_| true);
}

/// Looks for tables of volumes where `parcellate` writes them, beside the tables of regions. Folders in `listed` are
/// not listed again.
fn look_beside_tables(
    tiv: &mut TivFiles,
    root: &Path,
    session_folder: &Path,
    atlas: &str,
    listed: &[(PathBuf, BTreeSet<String>)],
) {
    let anat = session_folder.join(ANAT);
    let folders = [anat.join(format!("atlas-{atlas}")), anat];
    let is_table = |rank| matches!(rank, Rank::Table(_));
    tiv.look(&SourceRoot::CAT12_PARCELLATED, root, &folders, listed, is_table);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inputs::parcellate_tables::tests::tree;

    fn found(files: &TivFiles) -> Vec<&str> {
        files.iter().map(|file| file.relative.as_str()).collect()
    }

    #[test]
    fn reports_come_in_order_of_trust() {
        let root = tree(&[
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
        look_for_reports(&mut files, root.path(), &root.path().join("sub-1"));
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
        assert_eq!((files.looked(), files.notes.len()), (&[SourceRoot::CAT12][..], 0));
        let mut files = TivFiles::default();
        look_for_reports(&mut files, root.path(), &root.path().join("sub-2"));
        assert!(files.is_empty() && files.notes.is_empty());
    }

    #[test]
    fn tables_of_volumes_are_found_where_parcellate_writes_them() {
        let root = tree(&[
            "sub-1/anat/sub-1_tiv.tsv",
            "sub-1/anat/atlas-A/sub-1_desc-x_tiv.tsv",
            "sub-1/anat/atlas-B/sub-1_tiv.tsv",
            "sub-1/anat/cat_sub-1_T1w.xml",
        ]);
        let mut files = TivFiles::default();
        look_beside_tables(&mut files, root.path(), &root.path().join("sub-1"), "A", &[]);
        let expected = ["sub-1/anat/atlas-A/sub-1_desc-x_tiv.tsv", "sub-1/anat/sub-1_tiv.tsv"];
        assert_eq!(found(&files), expected);
        assert_eq!(files.looked(), [SourceRoot::CAT12_PARCELLATED]);
    }

    #[test]
    fn a_report_of_another_session_is_none_and_is_named() {
        let root = tree(&["sub-1/anat/cat_sub-2_T1w.xml", "sub-1/anat/cat_sub-0001_T1w.xml"]);
        let mut files = TivFiles::default();
        look_for_reports(&mut files, root.path(), &root.path().join("sub-1"));
        assert_eq!(found(&files), ["sub-1/anat/cat_sub-0001_T1w.xml"]);
        assert!(
            files.notes[0].contains("cat_sub-2_T1w.xml: its name says that it is of sub-2"),
            "{:?}",
            files.notes
        );
    }

    #[test]
    fn a_folder_that_cannot_be_listed_is_a_note() {
        let root = tree(&["sub-1/anat"]);
        let mut files = TivFiles::default();
        look_for_reports(&mut files, root.path(), &root.path().join("sub-1"));
        assert!(files.is_empty() && files.looked().is_empty());
        assert!(files.notes[0].contains("sub-1/anat"), "{:?}", files.notes);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_two_ways_lead_to_is_found_once() {
        let root = tree(&["sub-1/anat/cat_a.xml", "sub-1/anat/sub-1_tiv.tsv"]);
        std::os::unix::fs::symlink(".", root.path().join("sub-1/anat/report")).unwrap();
        let mut files = TivFiles::default();
        look_for_reports(&mut files, root.path(), &root.path().join("sub-1"));
        look_beside_tables(&mut files, root.path(), &root.path().join("sub-1"), "A", &[]);
        assert_eq!(files.iter().count(), 2, "{files:?}");
    }
}
