//! Shows how today's list and files differ from what is loaded.

use na_model::{KEPT, UnitOutcome, UnitStatus};
use na_pipeline::RunReport;
use serde_json::{Value, json};

/// What a run would find. Numbers are of sessions, each modality counted by itself.
pub(crate) struct Today {
    listed: usize,
    new: usize,
    changed: usize,
    /// Loaded, and their files are not there any more: they stay.
    gone: usize,
    missing: usize,
    failed: usize,
    /// Why a load would stop before it does anything.
    would_stop: Option<String>,
}

impl Today {
    /// Counts what a run that was only planned tells.
    pub(crate) fn of(report: &RunReport) -> Self {
        // Units whose files are gone count as loaded, and their reason says so.
        let is_gone =
            |outcome: &&UnitOutcome| outcome.status == UnitStatus::Loaded && outcome.reason.starts_with(KEPT);
        Self {
            listed: report.plan.sessions,
            new: report.plan.to_load.saturating_sub(report.plan.changed),
            changed: report.plan.changed,
            gone: report.outcomes.iter().filter(is_gone).count(),
            missing: report.n_outcomes(UnitStatus::Missing),
            failed: report.n_outcomes(UnitStatus::Failed),
            would_stop: report.would_stop.clone(),
        }
    }

    /// A line a number.
    pub(crate) fn text(&self) -> String {
        let Self { listed, new, changed, gone, missing, failed, would_stop } = self;
        let stops = would_stop.iter().map(|why| format!("A load would stop: {why}\n")).collect::<String>();
        format!(
            "Listed sessions: {listed}\nNew: {new}\nChanged: {changed}\nGone, and kept: {gone}\nMissing: {missing}\nFailed: \
             {failed}\n{stops}"
        )
    }

    pub(crate) fn json(&self) -> Value {
        let Self { listed, new, changed, gone, missing, failed, would_stop } = self;
        json!({
            "listed": listed,
            "new": new,
            "changed": changed,
            "gone": gone,
            "missing": missing,
            "failed": failed,
            "would_stop": would_stop,
        })
    }
}
