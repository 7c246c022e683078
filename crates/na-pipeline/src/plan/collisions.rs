//! That a run writes over nothing that it reads, and over nothing that is somebody else's.

use std::path::Path;

use na_model::WideMetrics;
use na_store::ExistingStore;

use crate::config::{Config, SessionSource};
use crate::error::PipelineError;
use crate::files::roots::Roots;
use crate::inputs::selection::tables;

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
    store: &ExistingStore,
    metrics: &WideMetrics,
) -> Result<(), PipelineError> {
    Ok(store.check_tables(&tables(config, roots), metrics)?)
}
