//! What a run reports while it goes on; how it is shown is the observer's.

use na_cache::Cancel;
use na_model::{Unit, UnitOutcome};
use na_store::ExportStep;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Something that the user should know; it stops nothing.
    Note(String),
    /// What the run could load besides, and how: told when a store is made.
    Offer(String),
    /// The run knows what there is to do.
    Planned(PlanSummary),
    /// A unit is durable.
    Committed(Unit),
    /// A unit could not be read.
    Failed(UnitOutcome),
    /// The export begins a step.
    Export(ExportStep),
}

/// What there is to do, counted in units: a session of two modalities or inputs is two.
#[expect(missing_docs, reason = "a field without a note is what its name says")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlanSummary {
    pub sessions: usize,
    /// Those of them that labels choose. `None` without labels.
    pub chosen: Option<usize>,
    pub to_load: usize,
    /// Those of them that the store has and whose files changed.
    pub changed: usize,
    /// Those of them that the store has, and that are read again because somebody asks for it.
    pub again: usize,
    /// Units that are in the cache or the store already.
    pub skipped: usize,
    /// Units without files.
    pub missing: usize,
    /// Units with files that cannot be told apart or listed.
    pub failed: usize,
}

/// Receives a run's events, and says when to stop.
pub trait Observer: Sync {
    /// Receives an event. Called from many threads.
    fn event(&self, event: Event);

    /// Whether the run is to stop. What is committed is safe, and the next run goes on from there.
    fn should_stop(&self) -> bool;

    /// The same for code that waits on other threads, such as for a lock; it never stops by default.
    fn cancel(&self) -> Cancel {
        Cancel::never()
    }
}
