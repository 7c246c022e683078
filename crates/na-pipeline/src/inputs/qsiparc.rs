//! QSIRecon's maps: tables as `parcellate` writes them, `qsirecon-WORKFLOW/…/dwi/atlas-A/*_param-P_parc.tsv`.

use std::path::{Path, PathBuf};

use na_model::{MapSource, Modality, SourceRoot, TableKind, TableName, UNKNOWN, UnitKind, Workflow};

use crate::error::PipelineError;
use crate::files::session_folders::DWI;
use crate::inputs::found_tables::{FileBytes, FoundTable, FoundTables};
use crate::inputs::input::Input;
use crate::inputs::input_root::{RootList, RootNote, TableRoot};
use crate::inputs::meant_root::question;
use crate::inputs::parcellate_tables::{ATLAS, PARC, Search, atlases_in, header, parse_the_one};
use crate::inputs::searched_folder::SearchedFolder;
use crate::inputs::unit_files::FoundUnit;
use crate::inputs::workflow_choice::{WORKFLOW_PREFIX, WorkflowChoice, has_workflows, list_workflows};
use crate::parse::parsed_table::ParsedTable;
use crate::unit_error::UnitError;

/// The tables of QSIRecon's workflows.
#[derive(Debug)]
pub(crate) struct Qsiparc {
    /// The folder of workflows.
    pub(crate) root: Option<PathBuf>,
    /// Whether diffusion tables are asked for.
    pub(crate) is_wanted: bool,
    pub(crate) workflows: WorkflowChoice,
    pub(crate) atlas: String,
}

impl Input for Qsiparc {
    fn unit_kind(&self) -> UnitKind {
        UnitKind::of_parcellate(Modality::Diffusion)
    }

    fn settings(&self) -> Vec<(SourceRoot, PathBuf)> {
        self.root.iter().map(|path| (SourceRoot::QSIPARC, path.clone())).collect()
    }

    fn is_asked_for(&self) -> bool {
        self.root.is_some() && self.is_wanted
    }

    fn asked(&self) -> Vec<String> {
        if self.is_wanted { self.workflows.asked() } else { Vec::new() }
    }

    fn looks_for(&self, table: &TableName) -> bool {
        self.workflows.has_table(table)
    }

    /// A root for each workflow's folder. Those that are not chosen are listed, too: their folders tell sessions.
    fn list_roots(&self, roots: &mut RootList<'_>) -> Result<(), PipelineError> {
        let Some(path) = &self.root else { return Ok(()) };
        let workflows = list_workflows(&SourceRoot::QSIPARC, path, roots)?;
        if workflows.is_empty() {
            let question = question(path, has_workflows);
            let problem = "no qsirecon-* folders are there";
            roots.tell(RootNote::new(&SourceRoot::QSIPARC, path, problem, &question), true);
        }
        self.workflows.look(roots, path, &workflows.iter().map(Workflow::as_str).collect::<Vec<_>>());
        for workflow in &workflows {
            let chosen = self.workflows.has(workflow.as_str()).then(|| TableName::from(workflow));
            let root = TableRoot::new(SourceRoot::QSIPARC, path, chosen);
            roots.add(root.below(&format!("{WORKFLOW_PREFIX}{workflow}")))?;
        }
        Ok(())
    }

    fn kind(&self, table: &TableName) -> TableKind {
        TableKind::of_parcellate(table)
    }

    fn find(&self, folder: &SearchedFolder<'_>, found: &mut FoundUnit) -> Result<(), UnitError> {
        for table in folder.tables() {
            found.found.extend(find_tables(folder, table, &self.atlas)?);
        }
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
        atlases_in(&session_folder.join(DWI))
    }
}

/// The tables of a session's folder, a file for each map at most, sorted. Files that name no parameter are ignored.
///
/// # Errors
/// Several files for one map; a compressed file; a folder that cannot be listed.
fn find_tables(
    folder: &SearchedFolder<'_>,
    workflow: &TableName,
    atlas: &str,
) -> Result<FoundTables, UnitError> {
    Search { folder, scans: DWI, atlas, atlas_keys: &ATLAS, endings: &PARC }.run(|_, name| {
        let or_unknown = |entity| name.entity(entity).unwrap_or(UNKNOWN).to_owned();
        // `scalar` is what the first versions wrote.
        let param = name.entity("param").or_else(|| name.entity("scalar"))?.to_owned();
        let map = MapSource { model: or_unknown("model"), param, desc: or_unknown("desc") };
        Some((workflow.clone(), Some(map)))
    })
}
