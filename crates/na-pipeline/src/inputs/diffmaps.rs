//! QSIParc's tables of QSIRecon's maps, `sub-S[/ses-E]/dwi/atlas-A/*_software-WORKFLOW*_diffmap.tsv`. Untested on real output: no file of it is
//! public.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use na_model::{
    InputName, MapSource, MeasurementUnit, Metric, MetricKind, Modality, SourceRoot, TableKind, TableName,
    UNKNOWN, UnitKind, Workflow,
};
use rayon::prelude::*;
use serde_json::Value;

use crate::error::PipelineError;
use crate::files::fingerprint::open;
use crate::files::session_folders::{DWI, names_in, paths_in};
use crate::identifiers::name_match::IdKind;
use crate::inputs::found_tables::{FileBytes, FoundTable};
use crate::inputs::input::Input;
use crate::inputs::input_root::{RootList, TableRoot};
use crate::inputs::meant_root::has_session;
use crate::inputs::parcellate_tables::{ATLAS, ATLAS_PREFIX, Search, atlases_in, header};
use crate::inputs::searched_folder::SearchedFolder;
use crate::inputs::unit_files::FoundUnit;
use crate::inputs::workflow_choice::WorkflowChoice;
use crate::parse::diffmap::{parse_diffmap, scalar_of};
use crate::parse::json::parse_json;
use crate::parse::parsed_table::ParsedTable;
use crate::unit_error::UnitError;

/// The ending of a table's name.
pub(super) const ENDING: &str = "_diffmap.tsv";

/// The workflow of tables that name none.
const NO_WORKFLOW: &str = "QSIRecon";

/// The entities that may follow the workflow in a name.
const BEHIND_SOFTWARE: [&str; 12] =
    ["acq", "run", "dir", "rec", "space", "cohort", "model", "param", "desc", "bundle", "label", "res"];

/// The most that is read of a table, or of its JSON, to learn what its name does not say, bytes.
const BEGINNING: u64 = 1 << 20;

/// Statistics that QSIParc's documents name, and that `parcellate` has not.
const FURTHER: [&str; 3] = ["iqr", "n_voxels", "coverage"];

/// QSIParc's tables.
#[derive(Debug)]
pub(crate) struct Diffmaps {
    /// The folder of subjects.
    pub(crate) root: PathBuf,
    pub(crate) is_wanted: bool,
    pub(crate) workflows: WorkflowChoice,
    pub(crate) atlas: String,
}

impl Input for Diffmaps {
    fn unit_kind(&self) -> UnitKind {
        UnitKind::new(Modality::Diffusion, InputName::QSIPARC)
    }

    fn settings(&self) -> Vec<(SourceRoot, PathBuf)> {
        vec![(SourceRoot::QSIPARC, self.root.clone())]
    }

    fn is_asked_for(&self) -> bool {
        self.is_wanted
    }

    fn offer(&self) -> Option<String> {
        has_diffmaps(&self.root).then(|| {
            format!(
                "{} has tables of QSIParc, too: --qsiparc-layout diffmap loads them, into another --output",
                self.root.display()
            )
        })
    }

    fn asked(&self) -> Vec<String> {
        if self.is_wanted {
            self.workflows.asked().iter().map(|name| format!("diffmap {name}")).collect()
        } else {
            Vec::new()
        }
    }

    fn looks_for(&self, table: &TableName) -> bool {
        self.workflows.has_table(table)
    }

    fn list_roots(&self, roots: &mut RootList<'_>) -> Result<(), PipelineError> {
        let there = self.list_workflows();
        self.workflows.look(roots, &self.root, &there.iter().map(String::as_str).collect::<Vec<_>>());
        let mut tables = Vec::new();
        for name in there.iter().filter(|name| self.workflows.has(name)) {
            match Workflow::new(name) {
                Ok(workflow) => tables.push(TableName::from(&workflow)),
                Err(error) => roots.note(format!("tables of {name} are left out: {error}")),
            }
        }
        roots.add(TableRoot::new(SourceRoot::QSIPARC, &self.root, tables).told_by(has_diffmaps))
    }

    fn kind(&self, table: &TableName) -> TableKind {
        let mut kind = TableKind::of_parcellate(table);
        let number = Metric { kind: MetricKind::Number, unit: MeasurementUnit::Unknown };
        kind.metrics.extend(FURTHER.map(|name| (name.to_owned(), number)));
        TableKind { producer: "QSIParc".to_owned(), input: InputName::QSIPARC, ..kind }
    }

    fn find(&self, folder: &SearchedFolder<'_>, found: &mut FoundUnit) -> Result<(), UnitError> {
        let search =
            Search { folder, scans: DWI, atlas: &self.atlas, atlas_keys: &ATLAS, endings: &[ENDING] };
        let of_nobody = OnceCell::new();
        let tables = search.run(|path, name| {
            let workflow = workflow_of(path).map_err(|error| of_nobody.get_or_init(|| error)).ok()?;
            let table = TableName::new(Modality::Diffusion, &workflow).ok()?;
            let or_unknown = |entity| name.entity(entity).unwrap_or(UNKNOWN).to_owned();
            let param = || scalar_in(path).unwrap_or_else(|| UNKNOWN.to_owned());
            let param = name.entity("param").map_or_else(param, str::to_owned);
            let map = MapSource { model: or_unknown("model"), param, desc: or_unknown("desc") };
            folder.tables().contains(&table).then_some((table, Some(map)))
        })?;
        // As another workflow's, its rows would stand in two tables.
        if let Some(error) = of_nobody.into_inner() {
            return Err(error);
        }
        found.found.extend(tables);
        Ok(())
    }

    fn parse(
        &self,
        table: &FoundTable,
        files: &[FileBytes<'_>],
        should_stop: &dyn Fn() -> bool,
    ) -> Result<ParsedTable, UnitError> {
        let FileBytes { path, bytes } = FileBytes::only(table, files)?;
        parse_diffmap(path, bytes, should_stop)
    }

    fn columns(&self, table: &FoundTable) -> Vec<String> {
        header(table.path())
    }

    fn atlases(&self, session_folder: &Path) -> Vec<String> {
        atlases_in(&session_folder.join(DWI))
    }
}

impl Diffmaps {
    /// The workflows that files of any session name: no folder does. A folder that cannot be listed is told when its session is loaded.
    fn list_workflows(&self) -> BTreeSet<String> {
        let of_session = |session: &Path| -> Vec<String> {
            let scans = session.join(DWI);
            let folders = [scans.join(format!("{ATLAS_PREFIX}{}", self.atlas)), scans];
            let names = folders.iter().flat_map(|folder| {
                let names = names_in(folder).unwrap_or_default().into_iter();
                names.filter(|name| name.ends_with(ENDING)).map(|name| folder.join(name))
            });
            names.filter_map(|path| workflow_of(&path).ok()).collect()
        };
        let subjects = paths_in(&self.root, IdKind::Subject);
        let of_subject = |subject: &PathBuf| -> BTreeSet<String> {
            let sessions = paths_in(subject, IdKind::Session).into_iter().chain([subject.clone()]);
            sessions.flat_map(|session| of_session(&session)).collect()
        };
        subjects.par_iter().flat_map_iter(of_subject).collect()
    }
}

/// The workflow of a table: its name says it, or else the JSON beside it.
///
/// # Errors
/// A JSON that is there and cannot be read.
fn workflow_of(path: &Path) -> Result<String, UnitError> {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    if let Some(named) = named_workflow(&name) {
        return Ok(named.to_owned());
    }
    let json = path.with_extension("json");
    if fs::symlink_metadata(&json).is_err() {
        return Ok(NO_WORKFLOW.to_owned());
    }
    let bytes = beginning(&json)?;
    let keys = parse_json(&json, &bytes)?;
    let software = keys.get("software").and_then(Value::as_str).map(str::trim);
    Ok(software.filter(|software| !software.is_empty()).unwrap_or(NO_WORKFLOW).to_owned())
}

/// The workflow in a table's name, up to the next entity or the ending: it may hold `_` and `-` itself.
fn named_workflow(name: &str) -> Option<&str> {
    let (_, behind) = name.strip_suffix(ENDING)?.split_once("_software-")?;
    let ends = BEHIND_SOFTWARE.iter().filter_map(|key| behind.find(&format!("_{key}-")));
    behind.get(..ends.min().unwrap_or(behind.len())).filter(|name| !name.is_empty())
}

/// The map that a table's first row names. `None` if it names none, or cannot be read.
fn scalar_in(path: &Path) -> Option<String> {
    let mut lines = BufReader::new(open(path).ok()?.0.take(BEGINNING)).lines();
    scalar_of(&lines.next()?.ok()?, &lines.next()?.ok()?)
}

fn beginning(path: &Path) -> Result<Vec<u8>, UnitError> {
    let mut bytes = Vec::new();
    let read = open(path)?.0.take(BEGINNING).read_to_end(&mut bytes);
    read.map_err(|source| UnitError::unreadable(path, source))?;
    Ok(bytes)
}

/// Whether a folder has tables of QSIParc.
pub(super) fn has_diffmaps(root: &Path) -> bool {
    has_session(root, |session| {
        let scans = session.join(DWI);
        let atlases =
            atlases_in(&scans).into_iter().map(|atlas| scans.join(format!("{ATLAS_PREFIX}{atlas}")));
        let mut folders = atlases.chain([scans.clone()]);
        folders.any(|folder| names_in(&folder).unwrap_or_default().iter().any(|name| name.ends_with(ENDING)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workflow_ends_before_the_next_entity() {
        for (name, workflow) in [
            ("sub-1_atlas-A_software-DSIStudio_diffmap.tsv", Some("DSIStudio")),
            ("sub-1_software-AMICO_NODDI-2_acq-x_param-icvf_diffmap.tsv", Some("AMICO_NODDI-2")),
            ("sub-1_software-a_b_space-T1w_model-m_diffmap.tsv", Some("a_b")),
            ("sub-1_software-_param-fa_diffmap.tsv", None),
            ("sub-1_param-fa_diffmap.tsv", None),
        ] {
            assert_eq!(named_workflow(name), workflow, "{name}");
        }
    }
}
