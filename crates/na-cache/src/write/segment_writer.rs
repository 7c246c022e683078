//! The one thread that writes segments, for processes that share an output with any number of others.
//!
//! The commit point is the rename of [`OpenSegment::publish`]: a unit is safe when the callback gets it. A crash before leaves a file
//! under a name that nobody reads, and whoever loads next reads its units again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;

use na_model::{ReadAt, Unit, UnitOutcome};

use crate::error::CacheError;
use crate::write::encoded_unit::EncodedUnit;
use crate::write::open_segment::OpenSegment;
use crate::write::segment_run::SegmentRun;
use crate::write::unit_writer::{QUEUE, UnitSender};

/// What is told of units that were published.
type OnPublish = Box<dyn FnMut(&[Unit]) + Send>;

/// Writes units to segments, and publishes them. Dropping it publishes what it has, as [`SegmentWriter::finish`] does.
pub struct SegmentWriter {
    thread: Option<JoinHandle<(Publisher, Result<(), CacheError>)>>,
}

impl SegmentWriter {
    /// Starts the thread. It calls `on_publish` for units that are safe.
    ///
    /// # Errors
    /// No thread can be had.
    pub fn start(
        run: SegmentRun,
        on_publish: impl FnMut(&[Unit]) + Send + 'static,
    ) -> Result<(Self, UnitSender), CacheError> {
        let (queue, waiting) = sync_channel(QUEUE);
        let failed = Arc::new(AtomicBool::new(false));
        let sender = UnitSender::new(queue, Arc::clone(&failed));
        let output = run.output.clone();
        let mut publisher = Publisher { run, open: None, on_publish: Box::new(on_publish) };
        let thread = std::thread::Builder::new()
            .name("segment-writer".to_owned())
            .spawn(move || {
                let result = publisher.take_all(&waiting);
                failed.store(result.is_err(), Ordering::Relaxed);
                (publisher, result)
            })
            .map_err(|source| CacheError::io("start the writer of", &output, source))?;
        Ok((Self { thread: Some(thread) }, sender))
    }

    /// Waits for the units that were sent, and publishes them. With `outcomes`, each with when it was known, the last segment
    /// has these and the whole list, even if it has no unit. All senders must be gone.
    ///
    /// # Errors
    /// A segment that cannot be written; what was published before is safe.
    pub fn finish(mut self, outcomes: Option<&[(UnitOutcome, ReadAt)]>) -> Result<(), CacheError> {
        self.end(outcomes)
    }

    fn end(&mut self, outcomes: Option<&[(UnitOutcome, ReadAt)]>) -> Result<(), CacheError> {
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok((mut publisher, result))) => result.and_then(|()| publisher.end(outcomes)),
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for SegmentWriter {
    fn drop(&mut self) {
        if !std::thread::panicking()
            && let Err(error) = self.end(None)
        {
            tracing::warn!(%error, "a segment was not published");
        }
    }
}

/// The thread's own: the segment that is being written.
struct Publisher {
    run: SegmentRun,
    open: Option<OpenSegment>,
    on_publish: OnPublish,
}

impl Publisher {
    /// Takes units until nobody sends any more. The last segment stays open.
    fn take_all(&mut self, waiting: &Receiver<EncodedUnit>) -> Result<(), CacheError> {
        loop {
            let time_left = self.open.as_ref().map(|open| self.run.limits.time.saturating_sub(open.age()));
            let received = match time_left {
                None => waiting.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(time) => waiting.recv_timeout(time),
            };
            match received {
                Ok(unit) => self.add(&unit)?,
                Err(RecvTimeoutError::Timeout) => self.publish(None)?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn add(&mut self, unit: &EncodedUnit) -> Result<(), CacheError> {
        let open = match &mut self.open {
            Some(open) => open,
            slot => slot.insert(OpenSegment::create(&self.run)?),
        };
        open.add(unit)?;
        let limits = self.run.limits;
        if open.units.len() >= limits.units || open.bytes >= limits.bytes || open.age() >= limits.time {
            self.publish(None)?;
        }
        Ok(())
    }

    fn publish(&mut self, outcomes: Option<&[(UnitOutcome, ReadAt)]>) -> Result<(), CacheError> {
        if let Some(open) = self.open.take() {
            let units = open.publish(&self.run, outcomes)?;
            (self.on_publish)(&units);
        }
        Ok(())
    }

    fn end(&mut self, outcomes: Option<&[(UnitOutcome, ReadAt)]>) -> Result<(), CacheError> {
        if outcomes.is_some() && self.open.is_none() {
            self.open = Some(OpenSegment::create(&self.run)?);
        }
        self.publish(outcomes)
    }
}
