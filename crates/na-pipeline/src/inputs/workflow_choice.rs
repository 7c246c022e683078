//! Which of QSIRecon's workflows are there, and which are loaded, whichever program wrote their tables.

use std::fs;
use std::path::{Path, PathBuf};

use na_model::{Modality, SourceRoot, TableName, Workflow};

use crate::error::PipelineError;
use crate::files::session_folders::list_root;
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

/// The workflows under a root, sorted by name, and a note for each folder that is left out.
pub(super) fn list_workflows(
    setting: &SourceRoot,
    root: &Path,
) -> Result<(Vec<Workflow>, Vec<String>), PipelineError> {
    let listed = list_root(setting, root, WORKFLOW_PREFIX)?;
    let no_text = |folder: &PathBuf| format!("{} is left out: its name is no text", folder.display());
    let mut notes: Vec<String> = listed.unreadable.iter().map(no_text).collect();
    let mut workflows = Vec::new();
    for name in listed.names {
        let folder = root.join(format!("{WORKFLOW_PREFIX}{name}"));
        if let Some(error) = listed.dead.contains(&name).then(|| fs::metadata(&folder).err()).flatten() {
            notes.push(format!("{}; its tables are left out", UnitError::unreadable(&folder, error)));
            continue;
        }
        match Workflow::new(&name) {
            Ok(workflow) => workflows.push(workflow),
            Err(error) => notes.push(format!("{} is left out: {error}", folder.display())),
        }
    }
    Ok((workflows, notes))
}
