//! The one thread that commits units.
//!
//! The commit point is [`Committer::commit`]: a unit is durable when it returns. A crash before leaves the cache without
//! the batch, a crash after leaves it whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use crate::cancel::Cancel;
use crate::db::busy::begin;
use crate::db::database::Database;
use crate::error::CacheError;
use crate::lock::ownership::Ownership;
use crate::write::encoded_unit::EncodedUnit;
use crate::write::owned_cache::OwnedCache;
use crate::write::unit_rows::UnitRows;

/// Units that may wait. More would cost memory without gain: two loading threads fill the queue faster than it empties.
pub(crate) const QUEUE: usize = 4;

/// The most units of one transaction: more would wait longer and hardly save on syncs.
const LARGEST_BATCH: usize = 8;

/// Commits units in the order of their arrival, all that wait in one transaction. Dropping it waits as
/// [`Writer::finish`] does: nothing is written to a cache after its lock is released.
#[derive(Debug)]
pub struct Writer {
    thread: Option<JoinHandle<Result<(), CacheError>>>,
}

/// Hands units to the [`Writer`], or to the writer of segments. Clone it for each loading thread.
#[derive(Debug, Clone)]
pub struct UnitSender {
    queue: SyncSender<EncodedUnit>,
    failed: Arc<AtomicBool>,
}

impl UnitSender {
    pub(crate) fn new(queue: SyncSender<EncodedUnit>, failed: Arc<AtomicBool>) -> Self {
        Self { queue, failed }
    }

    /// Hands over a unit; waits while the queue is full. The unit is safe when the writer's callback gets it.
    ///
    /// # Errors
    /// [`CacheError::WriterStopped`] after a failed commit, whose error [`Writer::finish`] returns.
    pub fn send(&self, unit: EncodedUnit) -> Result<(), CacheError> {
        self.queue.send(unit).map_err(|_| CacheError::WriterStopped)
    }

    /// Whether a commit failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}

impl Writer {
    /// Starts the thread. It calls `on_commit` for each unit that is durable, in order, and commits no other meanwhile.
    ///
    /// # Errors
    /// No connection or no thread can be had.
    pub fn start(
        cache: &OwnedCache<'_>,
        on_commit: impl FnMut(&EncodedUnit) + Send + 'static,
    ) -> Result<(Self, UnitSender), CacheError> {
        let (queue, waiting) = sync_channel(QUEUE);
        let failed = Arc::new(AtomicBool::new(false));
        let database = cache.database().clone();
        let connection = database.connection()?;
        let (ownership, cancel) = (cache.lock().ownership().clone(), cache.lock().cancel().clone());
        let sender = UnitSender::new(queue, Arc::clone(&failed));
        let mut committer = Committer { ownership, cancel, rows: UnitRows::default() };
        let thread = std::thread::Builder::new()
            .name("cache-writer".to_owned())
            .spawn(move || {
                let result = committer.run((&database, &connection), &waiting, on_commit);
                failed.store(result.is_err(), Ordering::Relaxed);
                result
            })
            .map_err(|source| CacheError::io("start the writer of", cache.location(), source))?;
        Ok((Self { thread: Some(thread) }, sender))
    }

    /// Waits until every unit that was sent is committed. All senders must be gone.
    ///
    /// # Errors
    /// The error of a failed commit; what was committed before is safe. [`CacheError::Stopped`] if cancelled while another
    /// program held the cache.
    pub fn finish(mut self) -> Result<(), CacheError> {
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(Ok(Err(error))) = self.thread.take().map(JoinHandle::join) {
            tracing::warn!(%error, "a commit failed");
        }
    }
}

struct Committer {
    ownership: Ownership,
    cancel: Cancel,
    rows: UnitRows,
}

impl Committer {
    fn run(
        &mut self,
        connection: (&Database, &Connection),
        waiting: &Receiver<EncodedUnit>,
        mut on_commit: impl FnMut(&EncodedUnit),
    ) -> Result<(), CacheError> {
        let mut batch = Vec::with_capacity(LARGEST_BATCH);
        while let Ok(first) = waiting.recv() {
            batch.push(first);
            batch.extend(waiting.try_iter().take(LARGEST_BATCH - 1));
            self.commit(connection, &batch)?;
            batch.drain(..).for_each(|unit| on_commit(&unit));
        }
        Ok(())
    }

    /// The commit point: the units of a batch become durable, all or none.
    fn commit(
        &mut self,
        (database, connection): (&Database, &Connection),
        batch: &[EncodedUnit],
    ) -> Result<(), CacheError> {
        let _writing = database.writing();
        let transaction = begin(connection, database.location(), &self.cancel)?;
        let written = batch.iter().try_for_each(|unit| self.rows.write(&transaction, unit));
        written.map_err(|source| database.sqlite(source))?;
        self.ownership.check()?;
        transaction.commit().map_err(|source| database.sqlite(source))
    }
}
