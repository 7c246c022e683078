//! FreeSurfer's statistics, `SUBJECTS_DIR/{session}/stats/*.stats`: surfaces, the segmentation, and measures of the whole brain.
//!
//! Knows the names of the files and of the tables; `parse` knows what stands in them. Promises that a unit is of one session's folder, and
//! that no table mixes parcellations. Begin with [`FreeSurfer`].

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use na_model::{InputName, Modality, SourceRoot, TableKind, TableName, UnitKind};

use crate::error::PipelineError;
use crate::files::session_folders::{STATS, names_in};
use crate::files::subjects_dir::{FolderChoice, Stream, SubjectsDir, is_subjects_dir};
use crate::inputs::found_tables::{FileBytes, FoundTable};
use crate::inputs::freesurfer::table_kinds::GLOBALS;
pub(super) use crate::inputs::freesurfer::table_kinds::{SEGMENTATION, SURFACES};
use crate::inputs::input::Input;
use crate::inputs::input_root::{RootList, TableRoot};
use crate::inputs::searched_folder::SearchedFolder;
use crate::inputs::unit_files::FoundUnit;
use crate::parse::freesurfer_stats::parse_stats;
use crate::parse::freesurfer_tables::{StatsFile, globals, segmentation, surfaces, volume};
use crate::parse::parsed_table::{ParsedTable, Remark};
use crate::unit_error::{UnitError, shorten};

mod table_kinds;

/// The parcellation that every version of FreeSurfer makes, and whose file has the measures of each hemisphere.
pub(super) const APARC: &str = "aparc";

/// The segmentation that every version makes.
pub(super) const ASEG: &str = "aseg";

/// Sessions that are looked into for the parcellations that there are.
const SESSIONS: usize = 50;

/// The longest build that is taken for one, bytes.
const LONGEST_STAMP: usize = 200;

/// Where FreeSurfer's stats files lie, and which of them are loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreeSurferFiles {
    /// `SUBJECTS_DIR`, or the `sourcedata/freesurfer` of fMRIPrep.
    pub subjects_dir: PathBuf,
    /// Which of the streams is loaded where both are there for a session.
    pub stream: Option<Stream>,
    /// Whether a subject's folder that is of several sessions is loaded, for a session without an id. Without it, it is an error.
    pub per_subject: bool,
}

impl FreeSurferFiles {
    /// Those of a `SUBJECTS_DIR` with a folder a session.
    #[must_use]
    pub fn new(subjects_dir: PathBuf) -> Self {
        Self { subjects_dir, stream: None, per_subject: false }
    }
}

/// FreeSurfer's stats files.
#[derive(Debug)]
pub(crate) struct FreeSurfer {
    pub(crate) files: FreeSurferFiles,
    pub(crate) parcellation: String,
    pub(crate) segmentation: String,
    /// The run that is chosen where a session has several.
    pub(crate) run: Option<String>,
}

impl Input for FreeSurfer {
    fn unit_kind(&self) -> UnitKind {
        UnitKind::new(Modality::Anatomical, InputName::FREESURFER)
    }

    fn settings(&self) -> Vec<(SourceRoot, PathBuf)> {
        vec![(SourceRoot::FREESURFER, self.files.subjects_dir.clone())]
    }

    fn asked(&self) -> Vec<String> {
        vec![format!("freesurfer {} {}", self.parcellation, self.segmentation)]
    }

    fn looks_for(&self, table: &TableName) -> bool {
        table.modality() == Modality::Anatomical && [SURFACES, SEGMENTATION, GLOBALS].contains(&table.name())
    }

    fn list_roots(&self, roots: &mut RootList<'_>) -> Result<(), PipelineError> {
        let path = &self.files.subjects_dir;
        let tables = [SURFACES, SEGMENTATION, GLOBALS].into_iter().flat_map(table);
        let root = TableRoot::new(SourceRoot::FREESURFER, path, tables);
        let FreeSurferFiles { stream, per_subject, .. } = self.files;
        let choice = FolderChoice { stream, run: self.run.clone(), per_subject };
        let root = roots.add_and_see(root.side_by_side(choice).told_by(is_subjects_dir))?;
        let Some(subjects) = &root.flat else { return Ok(()) };
        self.check_choice(subjects)
    }

    fn kind(&self, table: &TableName) -> TableKind {
        match table.name() {
            SURFACES => table_kinds::surfaces(&self.parcellation),
            SEGMENTATION => table_kinds::segmentation(&self.segmentation),
            _ => table_kinds::globals(),
        }
    }

    fn find(&self, folder: &SearchedFolder<'_>, found: &mut FoundUnit) -> Result<(), UnitError> {
        let stats = folder.path().join(STATS);
        let names = names_in(&stats).map_err(|source| UnitError::unreadable(&stats, source))?;
        let there = |name: String| names.contains(&name).then(|| stats.join(name));
        let side =
            |parcellation: &str| ["lh", "rh"].map(|side| there(format!("{side}.{parcellation}.stats")));
        let segmentation = there(format!("{}.stats", self.segmentation));
        // The segmentation's own file comes first: of two measures of one name, the first counts.
        let whole_brain = [there(format!("{ASEG}.stats")), there("brainvol.stats".to_owned())];
        let own = side(&self.parcellation);
        let of_hemispheres = match side(APARC) {
            [None, None] => own.clone(),
            aparc => aparc,
        };
        for (name, files) in [
            (SURFACES, Vec::from(own)),
            (SEGMENTATION, vec![segmentation]),
            (GLOBALS, whole_brain.into_iter().chain(of_hemispheres).collect()),
        ] {
            let mut files = files.into_iter().flatten();
            let (Some(first), Some(table)) = (files.next(), table(name)) else { continue };
            let table = FoundTable::new(folder, table, None, first);
            found.add(files.fold(table, |table, file| table.and(folder, file)));
        }
        Ok(())
    }

    fn parse(
        &self,
        table: &FoundTable,
        files: &[FileBytes<'_>],
        should_stop: &dyn Fn() -> bool,
    ) -> Result<ParsedTable, UnitError> {
        let mut parsed = Vec::with_capacity(files.len());
        for FileBytes { path, bytes } in files {
            parsed.push(StatsFile { path, stats: parse_stats(path, bytes, should_stop)? });
        }
        let files = parsed;
        let is_globals = table.table().name() == GLOBALS;
        let batch = match table.table().name() {
            SURFACES => surfaces(&files)?,
            SEGMENTATION => segmentation(&files)?,
            _ => globals(&files)?,
        };
        Ok(ParsedTable {
            remarks: files.iter().find_map(other_subject).into_iter().collect(),
            notes: if is_globals { unfinished(table.path()) } else { missing_side(table, &files) },
            version: build(table.path()).or_else(|| files.iter().find_map(|file| file.stats.version.clone())),
            volume: if is_globals { volume(&files) } else { None },
            ..ParsedTable::new(batch)
        })
    }
}

impl FreeSurfer {
    /// Refuses a parcellation or a segmentation that no session has if there are others, and names them.
    fn check_choice(&self, subjects: &SubjectsDir) -> Result<(), PipelineError> {
        let (mut parcellations, mut segmentations) = (BTreeSet::new(), BTreeSet::new());
        for session in subjects.examples(SESSIONS).1 {
            let stats = subjects.path().join(session).join(STATS);
            for name in names_in(&stats).unwrap_or_default() {
                let Some(name) = name.strip_suffix(".stats") else { continue };
                match name.strip_prefix("lh.").or_else(|| name.strip_prefix("rh.")) {
                    Some("curv") => {}
                    Some(name) if name.ends_with(".pct") => {}
                    Some(name) => _ = parcellations.insert(name.to_owned()),
                    None => _ = segmentations.insert(name.to_owned()),
                }
            }
        }
        let Self { parcellation, segmentation, .. } = self;
        let surfaces = format!("lh.{parcellation}.stats or rh.{parcellation}.stats");
        let no_such = |file: String, there: BTreeSet<String>, option: &'static str| {
            let there = there.into_iter().collect::<Vec<_>>().join(", ");
            PipelineError::NoSuchFiles { file, root: subjects.path().to_owned(), there, option }
        };
        if *segmentation != ASEG && !segmentations.contains(segmentation) {
            let file = format!("{segmentation}.stats");
            return Err(no_such(file, segmentations, "--atlas freesurfer-seg=NAME"));
        }
        if !parcellations.is_empty() && !parcellations.contains(parcellation) {
            return Err(no_such(surfaces, parcellations, "--atlas freesurfer=NAME"));
        }
        Ok(())
    }
}

fn table(name: &str) -> Option<TableName> {
    TableName::new(Modality::Anatomical, name).ok()
}

/// What to say of a file that names another subject than its folder: copies and renamed folders do.
fn other_subject(file: &StatsFile<'_>) -> Option<Remark> {
    let folder = file.path.parent()?.parent()?.file_name()?.to_str()?;
    let named = file.stats.subject.as_deref()?;
    let is_named = named == folder || folder.split_once(".long.").is_some_and(|(stem, _)| stem == named);
    (!is_named).then(|| Remark {
        what: "statistics whose header names another subject than their folder",
        example: format!("{} (subjectname {})", file.path.display(), shorten(named.as_bytes())),
        advice: "the folder counts",
    })
}

/// What to say of a table of surfaces that has one hemisphere.
fn missing_side(table: &FoundTable, files: &[StatsFile<'_>]) -> Vec<String> {
    let ([file], SURFACES) = (files, table.table().name()) else { return Vec::new() };
    let other = if file.hemisphere() == Some("lh") { "right" } else { "left" };
    vec![format!("{}: there is no file of the {other} hemisphere beside it", file.path.display())]
}

/// The folder `scripts` of the session that a stats file is of.
fn scripts_of(stats: &Path) -> Option<PathBuf> {
    stats.parent().and_then(Path::parent).map(|session| session.join("scripts"))
}

/// The build of FreeSurfer as it stamps it. `None` where the stats were copied without it: before version 7 they tell the version of one
/// program's source alone.
fn build(stats: &Path) -> Option<String> {
    let stamp = fs::read_to_string(scripts_of(stats)?.join("build-stamp.txt")).ok()?;
    let line = stamp.lines().next()?.trim();
    (!line.is_empty() && line.len() < LONGEST_STAMP).then(|| line.to_owned())
}

/// What to say of a session that FreeSurfer stopped at, or is still at work on.
fn unfinished(stats: &Path) -> Vec<String> {
    let Some(scripts) = scripts_of(stats) else { return Vec::new() };
    let names = names_in(&scripts).unwrap_or_default();
    let mut is_told = names.iter().filter(|name| *name == "recon-all.error" || name.starts_with("IsRunning"));
    is_told
        .next()
        .map(|name| format!("{}: FreeSurfer did not come to its end", scripts.join(name).display()))
        .into_iter()
        .collect()
}
