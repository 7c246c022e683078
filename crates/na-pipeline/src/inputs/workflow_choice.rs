//! Which of QSIRecon's workflows are there, and which are loaded, whichever program wrote their tables.

use std::fs;
use std::path::Path;

use na_model::{Modality, SourceRoot, TableName, Workflow};

use crate::error::PipelineError;
use crate::files::session_folders::{folders_in, list_root};
use crate::inputs::input_root::RootList;
use crate::unit_error::UnitError;

/// The prefix of a workflow's folder.
pub(super) const WORKFLOW_PREFIX: &str = "qsirecon-";

/// The workflows that a run asks for. `None` for all that are on disk.
#[derive(Debug, Clone)]
pub(crate) struct WorkflowChoice(pub(crate) Option<Vec<String>>);

impl WorkflowChoice {
    /// Whether a workflow is among those to load.
    pub(super) fn has(&self, workflow: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.iter().any(|name| name == workflow))
    }

    /// Whether a table is of a workflow to load.
    pub(super) fn has_table(&self, table: &TableName) -> bool {
        table.modality() == Modality::Diffusion && self.has(table.name())
    }

    /// The workflows in words.
    pub(super) fn asked(&self) -> Vec<String> {
        self.0.clone().unwrap_or_else(|| vec!["every workflow".to_owned()])
    }

    /// Looks for the workflows that are asked for by name among those under a root.
    pub(super) fn look(&self, roots: &mut RootList<'_>, root: &Path, there: &[&str]) {
        roots.roots.workflows.look(self.0.as_deref().unwrap_or_default(), root, there);
    }
}

/// Whether a folder holds workflows' folders.
pub(super) fn has_workflows(root: &Path) -> bool {
    folders_in(root, WORKFLOW_PREFIX).is_ok_and(|listed| !listed.names.is_empty())
}

/// The workflows under a root, sorted by name. What is left out is told, and what cannot be reached is not taken for gone.
pub(super) fn list_workflows(
    setting: &SourceRoot,
    root: &Path,
    roots: &mut RootList<'_>,
) -> Result<Vec<Workflow>, PipelineError> {
    let listed = list_root(setting, root, WORKFLOW_PREFIX)?;
    for folder in &listed.unreadable {
        roots.note(format!("{} is left out: its name is no text", folder.display()));
    }
    let mut workflows = Vec::new();
    for name in listed.names {
        let folder = root.join(format!("{WORKFLOW_PREFIX}{name}"));
        let workflow = match Workflow::new(&name) {
            Ok(workflow) => workflow,
            Err(error) => {
                roots.note(format!("{} is left out: {error}", folder.display()));
                continue;
            }
        };
        match listed.dead.contains(&name).then(|| fs::metadata(&folder).err()).flatten() {
            None => workflows.push(workflow),
            Some(error) => {
                let error = UnitError::unreadable(&folder, error);
                roots.cannot_reach(TableName::from(&workflow), format!("{error}; its tables are left out"));
            }
        }
    }
    Ok(workflows)
}
