//! Shows how today's list and files differ from what is loaded.

use na_model::{KEPT, UnitStatus};
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
}

impl Today {
    /// Counts what a run that was only planned tells.
    pub(crate) fn of(report: &RunReport) -> Self {
        let outcomes = |is: &dyn Fn(UnitStatus, &str) -> bool| {
            report.outcomes.iter().filter(|outcome| is(outcome.status, &outcome.reason)).count()
        };
        Self {
            listed: report.plan.sessions,
            new: report.plan.to_load.saturating_sub(report.plan.changed),
            changed: report.plan.changed,
            gone: outcomes(&|status, reason| status == UnitStatus::Loaded && reason.starts_with(KEPT)),
            missing: outcomes(&|status, _| status == UnitStatus::Missing),
            failed: outcomes(&|status, _| status == UnitStatus::Failed),
        }
    }

    pub(crate) fn text(&self) -> String {
        let Self { listed, new, changed, gone, missing, failed } = self;
        let rule = "=".repeat(60);
        format!(
            "TODAY\n{rule}\nListed sessions: {listed}\nNew: {new}\nChanged: {changed}\nGone, and kept: {gone}\nMissing: \
             {missing}\nFailed: {failed}\n{rule}\n"
        )
    }

    pub(crate) fn json(&self) -> Value {
        let Self { listed, new, changed, gone, missing, failed } = self;
        json!({
            "listed": listed,
            "new": new,
            "changed": changed,
            "gone": gone,
            "missing": missing,
            "failed": failed,
        })
    }
}
