//! QSIRecon's own tables of atlases, `qsirecon-WORKFLOW/sub-S[/ses-E]/dwi/*_seg-A_scalarstats.tsv`. Untested on real output: no file of it is public.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use memchr::memrchr;
use na_model::columns::LABEL;
use na_model::{
    BidsName, InputName, MapSource, MeasurementUnit, Metric, MetricKind, Modality, RegionKey, SourceRoot,
    TableKind, TableName, UNKNOWN, UnitKind, Workflow,
};

use crate::error::PipelineError;
use crate::files::session_folders::{DWI, names_in, paths_in};
use crate::identifiers::name_match::IdKind;
use crate::inputs::found_tables::{FileBytes, FoundTable, FoundTables};
use crate::inputs::input::Input;
use crate::inputs::input_root::{RootList, RootNote, TableRoot};
use crate::inputs::meant_root::question;
use crate::inputs::parcellate_tables::Search;
use crate::inputs::searched_folder::SearchedFolder;
use crate::inputs::unit_files::FoundUnit;
use crate::inputs::workflow_choice::{WORKFLOW_PREFIX, WorkflowChoice, list_workflows};
use crate::parse::parsed_table::ParsedTable;
use crate::parse::scalarstats::{STATISTICS, maps_of, parse_scalarstats};
use crate::unit_error::UnitError;

/// The ending of a table's name.
const ENDING: &str = "_scalarstats.tsv";

/// The entities that say a table's atlas: what QSIRecon writes, and what BIDS calls it.
const ATLAS_KEYS: [&str; 2] = ["seg", "atlas"];

/// The folders that hold the workflows' folders: QSIRecon writes them below its output.
const HOLDERS: [&str; 2] = ["", "derivatives"];

/// The most that is read of a table to learn its maps, bytes: they stand at its first node.
const BEGINNING: u64 = 1 << 20;

/// QSIRecon's output, and what is loaded from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QsireconFiles {
    /// QSIRecon's output, its `derivatives`, or one `qsirecon-*` folder.
    pub root: PathBuf,
    /// The atlas, as `seg-` in the files' names says it.
    pub atlas: String,
}

/// QSIRecon's own tables.
#[derive(Debug)]
pub(crate) struct Qsirecon {
    pub(crate) files: QsireconFiles,
    /// Whether diffusion tables are asked for.
    pub(crate) is_wanted: bool,
    pub(crate) workflows: WorkflowChoice,
}

/// A workflow's folder.
struct WorkflowFolder {
    workflow: Workflow,
    /// Below the root; empty if it is the root.
    below: String,
}

impl Input for Qsirecon {
    fn unit_kind(&self) -> UnitKind {
        UnitKind::new(Modality::Diffusion, InputName::QSIRECON)
    }

    fn settings(&self) -> Vec<(SourceRoot, PathBuf)> {
        vec![(SourceRoot::QSIRECON_STATS, self.files.root.clone())]
    }

    fn is_asked_for(&self) -> bool {
        self.is_wanted
    }

    fn asked(&self) -> Vec<String> {
        let named = |name: &String| format!("qsirecon {} {name}", self.files.atlas);
        if self.is_wanted { self.workflows.asked().iter().map(named).collect() } else { Vec::new() }
    }

    fn looks_for(&self, table: &TableName) -> bool {
        self.workflows.has_table(table)
    }

    /// A root for each workflow's folder, as for `parcellate`'s tables of them. Most workflows have no such tables.
    fn list_roots(&self, roots: &mut RootList<'_>) -> Result<(), PipelineError> {
        let QsireconFiles { root, atlas } = &self.files;
        let (folders, notes) = workflow_folders(root)?;
        notes.into_iter().for_each(|note| roots.note(note));
        let atlases: Vec<BTreeSet<String>> =
            folders.iter().map(|folder| atlases_below(&root.join(&folder.below), atlas)).collect();
        let has_tables = |of: &BTreeSet<String>| of.contains(atlas);
        if atlases.iter().all(BTreeSet::is_empty) {
            let problem = match folders.is_empty() {
                true => "no qsirecon-* folders are there",
                false => "no *_seg-*_scalarstats.tsv is there (tables of bundles are not read)",
            };
            let question =
                question(root, |root| workflow_folders(root).is_ok_and(|(there, _)| !there.is_empty()));
            let question = if folders.is_empty() { question } else { String::new() };
            roots.tell(RootNote::new(&SourceRoot::QSIRECON_STATS, root, problem, &question), true);
        } else if !atlases.iter().any(has_tables) {
            let there: BTreeSet<String> = atlases.into_iter().flatten().collect();
            return Err(PipelineError::NoSuchFiles {
                file: format!("a *{ENDING} with the atlas {atlas}"),
                root: root.clone(),
                there: there.into_iter().collect::<Vec<_>>().join(", "),
                option: "--atlas qsirecon=NAME",
            });
        }
        let with_tables: BTreeMap<&str, bool> = folders
            .iter()
            .zip(&atlases)
            .map(|(folder, atlases)| (folder.workflow.as_str(), has_tables(atlases)))
            .collect();
        let names: Vec<&str> =
            with_tables.iter().filter(|(_, has_tables)| **has_tables).map(|(name, _)| *name).collect();
        self.workflows.look(roots, root, &names);
        for WorkflowFolder { workflow, below } in &folders {
            let is_chosen = names.contains(&workflow.as_str()) && self.workflows.has(workflow.as_str());
            let listed = TableRoot::new(
                SourceRoot::QSIRECON_STATS,
                root,
                is_chosen.then(|| TableName::from(workflow)),
            );
            roots.add(if below.is_empty() { listed } else { listed.below(below) })?;
        }
        Ok(())
    }

    fn kind(&self, table: &TableName) -> TableKind {
        let number = Metric { kind: MetricKind::Number, unit: MeasurementUnit::Unknown };
        TableKind {
            producer: "QSIRecon".to_owned(),
            input: InputName::QSIRECON,
            atlas: Some(self.files.atlas.clone()),
            feature_prefix: table.name().to_owned(),
            measured: String::new(),
            metrics: STATISTICS.map(|name| (name.to_owned(), number)).into(),
            default_metrics: STATISTICS.map(str::to_owned).into(),
            words: BTreeMap::new(),
            says_no_model: true,
            region_key: RegionKey { index: None, labels: vec![LABEL.to_owned()], hemispheres: Vec::new() },
            no_regions: BTreeSet::new(),
            row_units: BTreeMap::new(),
            expected_rows: BTreeSet::new(),
        }
    }

    /// A file is a table of several maps, and these are known from its first rows alone.
    fn find(&self, folder: &SearchedFolder<'_>, found: &mut FoundUnit) -> Result<(), UnitError> {
        for table in folder.tables() {
            let search = Search {
                folder,
                scans: DWI,
                atlas: &self.files.atlas,
                atlas_keys: &ATLAS_KEYS,
                endings: &[ENDING],
            };
            let files = search.run(|_, _| Some((table.clone(), None)))?;
            let mut tables = Vec::new();
            for file in files.tables {
                for param in maps_in(&file.path)? {
                    let map = MapSource { model: UNKNOWN.to_owned(), param, desc: UNKNOWN.to_owned() };
                    tables.push(FoundTable { map: Some(map), ..file.clone() });
                }
            }
            tables.sort_by(|one, other| one.map.cmp(&other.map));
            found.found.extend(FoundTables { tables, ..files });
        }
        Ok(())
    }

    fn parse(
        &self,
        table: &FoundTable,
        files: &[FileBytes<'_>],
        should_stop: &dyn Fn() -> bool,
    ) -> Result<ParsedTable, UnitError> {
        let FileBytes { path, bytes } = FileBytes::only(table, files)?;
        let param = table.map().map_or("", |map| map.param.as_str());
        parse_scalarstats(path, bytes, table.table().name(), param, should_stop)
    }
}

/// The workflows' folders under a root, sorted by name, and a note for each that is left out.
fn workflow_folders(root: &Path) -> Result<(Vec<WorkflowFolder>, Vec<String>), PipelineError> {
    let (mut folders, mut notes) = (Vec::new(), Vec::new());
    let real = root.canonicalize().unwrap_or_default();
    let name = real.file_name().and_then(|name| name.to_str()?.strip_prefix(WORKFLOW_PREFIX));
    if let Some(workflow) = name.and_then(|name| Workflow::new(name).ok()) {
        folders.push(WorkflowFolder { workflow, below: String::new() });
    }
    for holder in HOLDERS {
        let folder = root.join(holder);
        if !holder.is_empty() && !folder.is_dir() {
            continue;
        }
        let (workflows, left_out) = list_workflows(&SourceRoot::QSIRECON_STATS, &folder)?;
        notes.extend(left_out);
        folders.extend(workflows.into_iter().map(|workflow| {
            let below = format!("{holder}/{WORKFLOW_PREFIX}{workflow}").trim_start_matches('/').to_owned();
            WorkflowFolder { workflow, below }
        }));
    }
    folders.sort_by(|one, other| (&one.workflow, &one.below).cmp(&(&other.workflow, &other.below)));
    Ok((folders, notes))
}

/// The atlases of the tables below a workflow's folder. It is not looked further once there is one of the atlas that is asked for.
fn atlases_below(folder: &Path, asked: &str) -> BTreeSet<String> {
    let mut there = BTreeSet::new();
    for subject in paths_in(folder, IdKind::Subject) {
        for session in paths_in(&subject, IdKind::Session).into_iter().chain([subject.clone()]) {
            let names = names_in(&session.join(DWI)).unwrap_or_default();
            there.extend(names.iter().filter_map(|name| atlas_of(name)));
            if there.contains(asked) {
                return there;
            }
        }
    }
    there
}

/// The atlas of a table. `None` for a file that is none, such as a table of bundles.
fn atlas_of(name: &str) -> Option<String> {
    let bids = name.ends_with(ENDING).then(|| BidsName::parse(name))?;
    ATLAS_KEYS.iter().find_map(|key| bids.entity(key)).map(str::to_owned)
}

/// The maps of a table.
fn maps_in(path: &Path) -> Result<Vec<String>, UnitError> {
    let mut beginning = Vec::new();
    let read = File::open(path).and_then(|file| file.take(BEGINNING).read_to_end(&mut beginning));
    read.map_err(|source| UnitError::unreadable(path, source))?;
    if u64::try_from(beginning.len()) == Ok(BEGINNING) {
        beginning.truncate(memrchr(b'\n', &beginning).map_or(0, |newline| newline + 1));
    }
    maps_of(path, &beginning)
}
