//! How a run ended, and what it did.

use std::collections::BTreeMap;

use na_model::{Removals, UnitKind, UnitOutcome, UnitStatus};
use na_store::{ExportReport, RunCounts};

use crate::event::PlanSummary;
use crate::load::workers::LoadOutcome;
use crate::plan::disk_space::DiskSpace;
use crate::plan::let_go::LetGo;
use crate::plan::run_plan::RunPlan;
use crate::sessions::session_list::RowCounts;

/// How a run ended, and what it did.
#[derive(Debug, Default)]
pub struct RunReport {
    /// What there was to do; empty if the run was asked to stop before it knew.
    pub plan: PlanSummary,
    /// What became of the session list's rows; empty if sessions were discovered.
    pub rows: RowCounts,
    /// Units that were loaded in this run, by kind.
    pub loaded: BTreeMap<UnitKind, usize>,
    /// Units that were in the store already, by kind.
    pub skipped: BTreeMap<UnitKind, usize>,
    /// Missing and failed units; as loaded those that stay although files of them are gone, as partial those with tables that
    /// are not chosen.
    pub outcomes: Vec<UnitOutcome>,
    /// What the store holds now; `None` if nothing was exported.
    pub export: Option<ExportReport>,
    /// Segments that could not be merged.
    pub n_refused_segments: usize,
    /// When the store's manifest was last written, ISO 8601, of a run that had nothing to write.
    pub updated_at: Option<String>,
    /// Whether the run was asked to stop before its end.
    pub interrupted: bool,
    /// What left the store, or would.
    pub removals: Removals,
    /// What the store has and a fresh load did not load again. If it is not empty and nothing was exported, the store
    /// is as it was.
    pub let_go: LetGo,
    /// What the load takes on disk. `None` if there is nothing to load, or the file system does not say what is free.
    pub space: Option<DiskSpace>,
    /// Why the run would stop before it does anything, of one that was only planned.
    pub would_stop: Option<String>,
}

impl RunReport {
    /// The number of units with an outcome of this kind.
    #[must_use]
    pub fn n_outcomes(&self, status: UnitStatus) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.status == status).count()
    }

    /// Units by what became of them.
    pub(super) fn counts(&self) -> RunCounts {
        RunCounts {
            loaded: self.loaded.values().sum(),
            skipped: self.skipped.values().sum(),
            missing: self.n_outcomes(UnitStatus::Missing),
            failed: self.n_outcomes(UnitStatus::Failed),
        }
    }

    /// A run that was asked to stop before it knew what there is to do.
    pub(super) fn interrupted_early() -> Self {
        Self { interrupted: true, ..Self::default() }
    }

    /// A run that ended without an export.
    pub(super) fn of(plan: &RunPlan, loaded: LoadOutcome) -> Self {
        Self {
            plan: plan.units.summary,
            rows: plan.list.counts,
            loaded: loaded.committed,
            skipped: plan.units.skipped.clone(),
            outcomes: plan.units.outcomes.iter().cloned().chain(loaded.failed).collect(),
            ..Self::default()
        }
    }
}
