//! Which of QSIRecon's workflows are loaded, whichever program wrote their tables.

use std::path::Path;

use na_model::{Modality, TableName};

use crate::error::PipelineError;

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

    /// Refuses a workflow that is asked for by name, and is not among those under a root.
    pub(super) fn check(&self, root: &Path, there: &[&str]) -> Result<(), PipelineError> {
        match self.0.iter().flatten().find(|asked| !there.contains(&asked.as_str())) {
            None => Ok(()),
            Some(asked) => Err(PipelineError::UnknownWorkflow {
                asked: asked.clone(),
                path: root.to_owned(),
                known: if there.is_empty() { "none".to_owned() } else { there.join(", ") },
            }),
        }
    }
}
