//! Refuses to write over what the run reads, or what the store does not own.

use std::path::Path;

use na_model::WideMetrics;
use na_store::{ExistingStore, TableInputs};

use crate::config::{Config, SessionSource};
use crate::error::PipelineError;
use crate::inputs::listed_inputs::ListedInputs;

/// Refuses a session list at a path that the store writes.
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

/// Refuses foreign files at the paths of the run's tables and features.
pub(crate) fn check_tables(
    inputs: &ListedInputs,
    store: &ExistingStore,
    metrics: &WideMetrics,
) -> Result<(), PipelineError> {
    Ok(store.check_tables(&inputs.table_kinds(), metrics)?)
}

/// Refuses tables of another producer, or of another atlas, than is known of the store, its cache and segments.
pub(crate) fn check_producers(
    inputs: &ListedInputs,
    known: &TableInputs,
    output: &Path,
) -> Result<(), PipelineError> {
    for (table, kind) in inputs.table_kinds() {
        if let Some(other) = known.other(&table, &kind.input) {
            let (output, table) = (output.to_owned(), table.to_string());
            let (store, asked) = (other.to_string(), kind.input.to_string());
            return Err(PipelineError::OtherProducer { output, table, store, asked });
        }
        if let Some(other) = known.other_atlas(&table, kind.atlas.as_deref()) {
            let (output, table, store) = (output.to_owned(), table.to_string(), other.to_owned());
            let asked = kind.atlas.unwrap_or_default();
            return Err(PipelineError::OtherTableAtlas { output, table, store, asked });
        }
    }
    Ok(())
}
