//! Listing the roots of a run, each input's in turn.

use crate::config::Config;
use crate::error::PipelineError;
use crate::files::roots::Roots;
use crate::inputs::{cat12, qsiparc};

/// The roots that the settings give, for the modalities that they ask for.
///
/// # Errors
/// Settings that ask for nothing; a root that is missing or cannot be listed; a workflow that is not there.
pub(crate) fn list_roots(config: &Config) -> Result<Roots, PipelineError> {
    if config.modalities().is_empty() {
        return Err(PipelineError::NothingToLoad);
    }
    let mut roots = Roots::default();
    cat12::list_roots(config, &mut roots)?;
    qsiparc::list_roots(config, &mut roots)?;
    Ok(roots)
}
