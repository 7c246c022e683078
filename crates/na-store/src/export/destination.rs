//! Where an export writes, how, and who may stop it.

use std::path::{Path, PathBuf};

use na_model::ExportSettings;

use crate::error::StoreError;
use crate::export::observer::ExportObserver;
use crate::format::file_changes::FileChanges;

/// What every writer of an export is given.
#[derive(Clone, Copy)]
pub(crate) struct Destination<'a> {
    pub(crate) output: &'a Path,
    pub(crate) changes: &'a FileChanges,
    pub(crate) settings: &'a ExportSettings,
    pub(crate) observer: &'a dyn ExportObserver,
}

impl Destination<'_> {
    /// The path at which a file of the store is now: that of its temporary file while it is held back.
    pub(crate) fn current_path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.changes.current_path(&self.output.join(path))
    }

    /// Checks for cancellation, between row groups.
    ///
    /// # Errors
    /// [`StoreError::Stopped`].
    pub(crate) fn check_stopped(&self) -> Result<(), StoreError> {
        if self.observer.should_stop() { Err(StoreError::Stopped) } else { Ok(()) }
    }
}
