//! What a run tells while it goes on. A binary decides how it looks.

use na_cache::Cancel;
use na_model::{Unit, UnitOutcome};
use na_store::ExportStep;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Something that the user should know, and that stops nothing.
    Note(String),
    /// What there is to do is known.
    Planned(PlanSummary),
    /// A unit is durable.
    Committed(Unit),
    /// A unit could not be read.
    Failed(UnitOutcome),
    /// The export comes to a step.
    Export(ExportStep),
}

/// What there is to do, in units: a session counts once for each modality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlanSummary {
    /// Sessions of the list.
    pub sessions: usize,
    /// Units to load.
    pub to_load: usize,
    /// Units among them that are in the store, and whose sources changed.
    pub changed: usize,
    /// Units that are in the cache or the store already.
    pub skipped: usize,
    /// Units of which nothing was found.
    pub missing: usize,
    /// Units whose files cannot be told apart, or listed.
    pub failed: usize,
}

/// Who listens, and says when to stop.
pub trait Observer: Sync {
    /// Something happened. Called from many threads.
    fn event(&self, event: Event);

    /// Whether to stop: what is committed is safe, and the next run goes on.
    fn should_stop(&self) -> bool;

    /// The same, for what waits on other threads; none asks by default.
    fn cancel(&self) -> Cancel {
        Cancel::never()
    }
}
