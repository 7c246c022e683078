//! Who looks on while an export goes on.

use na_cache::Cancel;
use na_model::TableName;

/// What an export tells while it goes on, and asks.
pub trait ExportObserver: Sync {
    /// A step begins.
    fn step(&self, step: &ExportStep);

    /// Whether to stop: the cache stays, and the next export begins anew.
    fn should_stop(&self) -> bool;

    /// The same, for what waits on other threads; none asks by default.
    fn cancel(&self) -> Cancel {
        Cancel::never()
    }
}

/// A step of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportStep {
    /// A long table is written: table `index`, from 1, of `total`.
    #[expect(missing_docs, reason = "the variant's page says it")]
    LongTable { table: TableName, index: usize, total: usize },
    /// The features of a table are written: table `index`, from 1, of `total`.
    #[expect(missing_docs, reason = "the variant's page says it")]
    Features { table: TableName, n_features: usize, index: usize, total: usize },
    /// The written files are opened again and compared with what was to be written.
    Verification,
}

/// An export without an audience.
#[derive(Debug, Default, Clone, Copy)]
pub struct Unobserved;

impl ExportObserver for Unobserved {
    fn step(&self, _: &ExportStep) {}

    fn should_stop(&self) -> bool {
        false
    }
}
