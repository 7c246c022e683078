//! Refuses to write over what the run reads, or what the store does not own.

use std::path::Path;

use na_model::WideMetrics;
use na_store::ExistingStore;

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

/// Refuses tables of another producer or another atlas than the store has.
pub(crate) fn check_atlases(inputs: &ListedInputs, store: &ExistingStore) -> Result<(), PipelineError> {
    let stored = store.long_tables()?;
    for (table, kind) in inputs.table_kinds().into_iter().filter(|(table, _)| stored.contains(table)) {
        let Some(known) = store.table_kind(&table)? else { continue };
        if known.input != kind.input {
            let (output, table) = (store.output().to_owned(), table.to_string());
            let (store, asked) = (known.producer, kind.producer);
            return Err(PipelineError::OtherProducer { output, table, store, asked });
        }
        let Some(asked) = kind.atlas else { continue };
        if let Some(of_store) = known.atlas.filter(|of_store| *of_store != asked) {
            let (output, table) = (store.output().to_owned(), table.to_string());
            return Err(PipelineError::OtherTableAtlas { output, table, store: of_store, asked });
        }
    }
    Ok(())
}
