//! Completes, syncs and renames finished files in the background while the next ones are encoded: a sync waits for the
//! disk, an encoder for nothing.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use crate::error::StoreError;

/// The last steps of a file.
type Completion<'env> = Box<dyn FnOnce() -> Result<(), StoreError> + Send + 'env>;

/// Finished files on their way to their final paths, one after the other.
pub(crate) struct BackgroundCommit<'scope, 'env> {
    /// `None` once nothing follows.
    files: Option<SyncSender<Completion<'env>>>,
    thread: Option<ScopedJoinHandle<'scope, Result<(), StoreError>>>,
}

impl<'scope, 'env> BackgroundCommit<'scope, 'env> {
    /// Starts the thread, for which so many files wait at most.
    pub(crate) fn new(scope: &'scope Scope<'scope, 'env>, waiting: usize) -> Self {
        let (files, completions): (_, Receiver<Completion<'env>>) = sync_channel(waiting);
        let thread = scope.spawn(move || completions.into_iter().try_for_each(|complete| complete()));
        Self { files: Some(files), thread: Some(thread) }
    }

    /// Begins to complete a file. Waits for others if too many have not been completed.
    ///
    /// # Errors
    /// What an earlier file failed with. None is completed after it.
    pub(crate) fn add(
        &mut self,
        complete: impl FnOnce() -> Result<(), StoreError> + Send + 'env,
    ) -> Result<(), StoreError> {
        match self.files.as_ref().map(|files| files.send(Box::new(complete))) {
            Some(Ok(())) => Ok(()),
            _ => self.wait(),
        }
    }

    /// Waits until all files have their final paths.
    ///
    /// # Errors
    /// What a file failed with.
    pub(crate) fn wait(&mut self) -> Result<(), StoreError> {
        self.files = None;
        match self.thread.take().map(ScopedJoinHandle::join) {
            None => Ok(()),
            Some(Ok(completed)) => completed,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }
}
