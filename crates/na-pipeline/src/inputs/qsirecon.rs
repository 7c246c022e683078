//! QSIRecon's own tables of atlases, `qsirecon-WORKFLOW/sub-S[/ses-E]/dwi/*_seg-A_scalarstats.tsv`. Untested on real output: no file of it is public.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use na_model::columns::LABEL;
use na_model::{
    BidsName, InputName, MapSource, MeasurementUnit, Metric, MetricKind, Modality, RegionKey, SourceRoot,
    TableKind, TableName, UNKNOWN, UnitKind, Workflow,
};

use crate::error::PipelineError;
use crate::files::fingerprint::open;
use crate::files::session_folders::{DWI, folders_in, list_root, names_in};
use crate::identifiers::name_match::IdKind;
use crate::inputs::found_tables::{FileBytes, FoundTable, FoundTables};
use crate::inputs::input::Input;
use crate::inputs::input_root::{RootList, RootNote, TableRoot};
use crate::inputs::meant_root::question;
use crate::inputs::parcellate_tables::{ATLAS_PREFIX, Search, is_table_name};
use crate::inputs::searched_folder::SearchedFolder;
use crate::inputs::unit_files::FoundUnit;
use crate::inputs::workflow_choice::{WORKFLOW_PREFIX, WorkflowChoice, has_workflows, list_workflows};
use crate::parse::parsed_table::ParsedTable;
use crate::parse::scalarstats::{STATISTICS, maps_of, parse_scalarstats};
use crate::unit_error::UnitError;

/// The ending of a table's name.
const ENDING: &str = "_scalarstats.tsv";

/// The entities that say a table's atlas: what QSIRecon writes, and what BIDS calls it.
const ATLAS_KEYS: [&str; 2] = ["seg", "atlas"];

/// Where QSIRecon writes the workflows' folders, below its output.
const DERIVATIVES: &str = "derivatives";

/// What is read at first of a table to learn its maps, and the most, bytes: they stand at its first node.
const BEGINNING: usize = 1 << 13;
const LONGEST_NODE: usize = 1 << 20;

/// QSIRecon's own tables.
#[derive(Debug)]
pub(crate) struct Qsirecon {
    /// The folder that the user gave.
    named: PathBuf,
    /// The folder of workflows' folders: paths in the store are below it, whichever of the three the user gave.
    root: PathBuf,
    /// The workflow whose folder the user gave.
    only: Option<String>,
    /// The atlas, as `seg-` in the files' names says it.
    atlas: String,
    /// Whether diffusion tables are asked for.
    is_wanted: bool,
    workflows: WorkflowChoice,
}

/// A workflow's folder, and what is there.
struct WorkflowFolder {
    workflow: Workflow,
    /// Below the root.
    below: String,
    atlases: BTreeSet<String>,
    /// Whether something could not be listed: finding its sessions tells what.
    is_uncertain: bool,
}

impl Qsirecon {
    /// What lies in QSIRecon's output, in its `derivatives`, or in one `qsirecon-*` folder.
    pub(crate) fn new(named: PathBuf, atlas: String, is_wanted: bool, workflows: WorkflowChoice) -> Self {
        let derivatives = named.join(DERIVATIVES);
        let real = named.canonicalize().unwrap_or_default();
        let workflow = real.file_name().and_then(|name| name.to_str()?.strip_prefix(WORKFLOW_PREFIX));
        let (root, only) = match workflow {
            _ if has_workflows(&named) => (named.clone(), None),
            _ if has_workflows(&derivatives) => (derivatives, None),
            Some(workflow) => (real.parent().unwrap_or(&named).to_owned(), Some(workflow.to_owned())),
            None => (named.clone(), None),
        };
        Self { named, root, only, atlas, is_wanted, workflows }
    }
}

impl Input for Qsirecon {
    fn unit_kind(&self) -> UnitKind {
        UnitKind::new(Modality::Diffusion, InputName::QSIRECON)
    }

    fn settings(&self) -> Vec<(SourceRoot, PathBuf)> {
        vec![(SourceRoot::QSIRECON_STATS, self.root.clone())]
    }

    fn is_asked_for(&self) -> bool {
        self.is_wanted
    }

    fn asked(&self) -> Vec<String> {
        let named = |name: &String| format!("qsirecon {} {name}", self.atlas);
        if self.is_wanted { self.workflows.asked().iter().map(named).collect() } else { Vec::new() }
    }

    fn looks_for(&self, table: &TableName) -> bool {
        self.workflows.has_table(table) && self.only.as_ref().is_none_or(|only| only == table.name())
    }

    /// A root for each workflow's folder, as for `parcellate`'s tables of them. Most workflows have no such tables.
    fn list_roots(&self, roots: &mut RootList<'_>) -> Result<(), PipelineError> {
        let folders = self.folders(roots)?;
        let with_tables = |folder: &&WorkflowFolder| !folder.atlases.is_empty() || folder.is_uncertain;
        if !folders.iter().any(|folder| with_tables(&folder)) {
            let (problem, question) = match folders.is_empty() {
                true => ("no qsirecon-* folders are there", question(&self.named, is_output)),
                false => {
                    ("no *_seg-*_scalarstats.tsv is there (tables of bundles are not read)", String::new())
                }
            };
            roots.tell(RootNote::new(&SourceRoot::QSIRECON_STATS, &self.named, problem, &question), true);
        }
        let names = folders.iter().filter(with_tables).map(|folder| folder.workflow.as_str());
        self.workflows.look(roots, &self.named, &names.collect::<Vec<_>>());
        let is_chosen = |folder: &&WorkflowFolder| self.workflows.has(folder.workflow.as_str());
        let of_others: Vec<&WorkflowFolder> =
            folders.iter().filter(is_chosen).filter(|folder| folder.has_other_atlases(&self.atlas)).collect();
        let is_any_read = folders.iter().filter(is_chosen).any(|folder| folder.is_read(&self.atlas));
        if let Some(first) = of_others.first().filter(|_| !is_any_read || self.workflows.0.is_some()) {
            let there: BTreeSet<&str> =
                of_others.iter().flat_map(|folder| &folder.atlases).map(String::as_str).collect();
            return Err(PipelineError::NoSuchFiles {
                file: format!("a *{ENDING} of {} with the atlas {}", first.workflow, self.atlas),
                root: self.named.clone(),
                there: there.into_iter().collect::<Vec<_>>().join(", "),
                option: "--atlas qsirecon=NAME",
            });
        }
        for folder in of_others {
            let there = folder.atlases.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let WorkflowFolder { workflow, .. } = folder;
            roots.note(format!(
                "tables of {workflow} are left out: they are of the atlas {there}, not of {}",
                self.atlas
            ));
        }
        for folder in &folders {
            let is_read = is_chosen(&folder) && folder.is_read(&self.atlas);
            let table = is_read.then(|| TableName::from(&folder.workflow));
            let listed = TableRoot::new(SourceRoot::QSIRECON_STATS, &self.root, table);
            roots.add(listed.below(&folder.below))?;
        }
        Ok(())
    }

    fn kind(&self, table: &TableName) -> TableKind {
        let number = Metric { kind: MetricKind::Number, unit: MeasurementUnit::Unknown };
        TableKind {
            producer: "QSIRecon".to_owned(),
            input: InputName::QSIRECON,
            atlas: Some(self.atlas.clone()),
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
                atlas: &self.atlas,
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
        let parsed = self.parse_together(&[table], files, should_stop)?.into_iter().next();
        parsed.ok_or_else(|| UnitError::form(table.path(), "nothing", "a map"))
    }

    fn parse_together(
        &self,
        tables: &[&FoundTable],
        files: &[FileBytes<'_>],
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Vec<ParsedTable>, UnitError> {
        let Some(first) = tables.first() else { return Ok(Vec::new()) };
        let FileBytes { path, bytes } = FileBytes::only(first, files)?;
        let maps: Vec<&str> =
            tables.iter().map(|table| table.map().map_or("", |map| map.param.as_str())).collect();
        parse_scalarstats(path, bytes, first.table().name(), &maps, should_stop)
    }
}

impl Qsirecon {
    /// The workflows' folders, sorted by name.
    ///
    /// # Errors
    /// A root that cannot be listed, or whose `derivatives` cannot be reached.
    fn folders(&self, roots: &mut RootList<'_>) -> Result<Vec<WorkflowFolder>, PipelineError> {
        let setting = &SourceRoot::QSIRECON_STATS;
        list_root(setting, &self.named, WORKFLOW_PREFIX)?;
        let mut folders = Vec::new();
        for holder in ["", DERIVATIVES] {
            let path = if holder.is_empty() { self.root.clone() } else { self.root.join(holder) };
            let is_there = |found: fs::Metadata| found.is_dir() || found.is_symlink();
            if !holder.is_empty() && !fs::symlink_metadata(&path).is_ok_and(is_there) {
                continue;
            }
            for workflow in list_workflows(setting, &path, roots)? {
                if self.only.as_ref().is_some_and(|only| only != workflow.as_str()) {
                    continue;
                }
                let below =
                    format!("{holder}/{WORKFLOW_PREFIX}{workflow}").trim_start_matches('/').to_owned();
                let (atlases, is_uncertain) = match atlases_below(&self.root.join(&below), &self.atlas) {
                    Ok(atlases) => (atlases, false),
                    Err(_) => (BTreeSet::new(), true),
                };
                folders.push(WorkflowFolder { workflow, below, atlases, is_uncertain });
            }
        }
        folders.sort_by(|one, other| (&one.workflow, &one.below).cmp(&(&other.workflow, &other.below)));
        Ok(folders)
    }
}

impl WorkflowFolder {
    /// Whether there are tables of an atlas, or may be.
    fn is_read(&self, atlas: &str) -> bool {
        self.atlases.contains(atlas) || self.is_uncertain
    }

    fn has_other_atlases(&self, atlas: &str) -> bool {
        !self.atlases.is_empty() && !self.is_read(atlas)
    }
}

/// Whether a folder looks like QSIRecon's output.
fn is_output(folder: &Path) -> bool {
    has_workflows(folder) || has_workflows(&folder.join(DERIVATIVES))
}

/// The atlases of the tables below a workflow's folder. It is not looked further once there is one of the atlas that is asked for.
///
/// # Errors
/// A folder that cannot be listed, or a link that leads nowhere, before that.
fn atlases_below(folder: &Path, asked: &str) -> io::Result<BTreeSet<String>> {
    let mut there = BTreeSet::new();
    for subject in listed_paths(folder, IdKind::Subject)? {
        for session in listed_paths(&subject, IdKind::Session)?.into_iter().chain([subject]) {
            let scans = session.join(DWI);
            for folder in [scans.join(format!("{ATLAS_PREFIX}{asked}")), scans] {
                there.extend(names_in(&folder)?.iter().filter_map(|name| atlas_of(name)));
            }
            if there.contains(asked) {
                return Ok(there);
            }
        }
    }
    Ok(there)
}

fn listed_paths(folder: &Path, kind: IdKind) -> io::Result<Vec<PathBuf>> {
    let listed = folders_in(folder, kind.prefix())?;
    if !listed.dead.is_empty() {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(listed.paths(folder, kind))
}

/// The atlas of a table, which may be compressed. `None` for a file that is none, such as a table of bundles.
fn atlas_of(name: &str) -> Option<String> {
    let bids = is_table_name(&[ENDING], name).then(|| BidsName::parse(name))?;
    ATLAS_KEYS.iter().find_map(|key| bids.entity(key)).map(str::to_owned)
}

/// The maps of a table, from the rows of its first node.
fn maps_in(path: &Path) -> Result<Vec<String>, UnitError> {
    let unreadable = |source| UnitError::unreadable(path, source);
    let (mut file, _) = open(path)?;
    let (mut bytes, mut wanted) = (Vec::new(), BEGINNING);
    loop {
        let more = wanted.saturating_sub(bytes.len());
        file.by_ref().take(more as u64).read_to_end(&mut bytes).map_err(unreadable)?;
        if let Some(maps) = maps_of(path, &bytes, bytes.len() < wanted)? {
            return Ok(maps);
        }
        if wanted >= LONGEST_NODE {
            let found = format!("more than {LONGEST_NODE} bytes of the first node");
            return Err(UnitError::form(path, found, "a row a map: it is no table of QSIRecon"));
        }
        wanted = (wanted * 8).min(LONGEST_NODE);
    }
}
