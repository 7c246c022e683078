//! That a run writes over nothing that it reads, and over nothing that is somebody else's.

use std::collections::BTreeSet;
use std::path::Path;

use na_model::{Modality, TableName, WideMetrics};

use crate::config::{Config, SessionSource};
use crate::error::PipelineError;
use crate::inputs::roots::Roots;

/// Refuses a session list that lies where the store is written.
pub(crate) fn check_list(config: &Config) -> Result<(), PipelineError> {
    match &config.sessions {
        SessionSource::List { path, .. }
            if path != Path::new("-") && na_store::is_store_path(&config.output, path) =>
        {
            Err(PipelineError::SessionListInStore { path: path.clone(), output: config.output.clone() })
        }
        _ => Ok(()),
    }
}

/// Refuses what is not the store's where the tables of a run may be written, or the features that they give.
pub(crate) fn check_tables(
    config: &Config,
    roots: &Roots,
    metrics: &WideMetrics,
) -> Result<(), PipelineError> {
    let modalities = config.modalities();
    let tissues = config.tissues.iter().filter(|_| modalities.contains(&Modality::Anatomical));
    let workflows = roots
        .all
        .iter()
        .filter_map(|root| root.workflow.as_ref())
        .filter(|workflow| config.chooses(workflow));
    let tables: BTreeSet<TableName> = tissues
        .copied()
        .map(TableName::Anatomical)
        .chain(workflows.cloned().map(TableName::Diffusion))
        .collect();
    Ok(na_store::check_tables(&config.output, &tables, metrics)?)
}
