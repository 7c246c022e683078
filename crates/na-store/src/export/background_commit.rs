//! Completes, syncs and renames finished files in the background while the next ones are encoded: a sync waits for the
//! disk, an encoder for nothing.

use std::thread::{Scope, ScopedJoinHandle};

use crate::error::StoreError;
use crate::format::parquet_writer::ParquetWriter;

/// Finished files on their way to their final paths, one batch at a time.
pub(crate) struct BackgroundCommit<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    under_way: Option<ScopedJoinHandle<'scope, Result<(), StoreError>>>,
}

impl<'scope, 'env> BackgroundCommit<'scope, 'env> {
    pub(crate) fn new(scope: &'scope Scope<'scope, 'env>) -> Self {
        Self { scope, under_way: None }
    }

    /// Waits for the batch before, then begins to complete these files.
    pub(crate) fn add(&mut self, files: Vec<ParquetWriter<'env>>) -> Result<(), StoreError> {
        self.wait()?;
        self.under_way = Some(self.scope.spawn(|| files.into_iter().try_for_each(ParquetWriter::commit)));
        Ok(())
    }

    /// Waits until all files have their final paths.
    pub(crate) fn wait(&mut self) -> Result<(), StoreError> {
        match self.under_way.take().map(ScopedJoinHandle::join) {
            None => Ok(()),
            Some(Ok(completed)) => completed,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }
}
