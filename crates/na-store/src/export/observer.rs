//! Observes a running export, and may stop it.

use na_cache::Cancel;
use na_model::TableName;

/// Receives the steps of an export, and may stop it.
pub trait ExportObserver: Sync {
    /// Called when a step begins.
    fn step(&self, step: &ExportStep);

    /// Whether to stop: the cache stays, and the next export begins anew.
    fn should_stop(&self) -> bool;

    /// The same question as a value, for waits on other threads. By default they are never cancelled.
    fn cancel(&self) -> Cancel {
        Cancel::never()
    }
}

/// A step of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportStep {
    /// A long table is written: table `index`, from 1, of `total`.
    #[expect(missing_docs, reason = "the variant's doc says it")]
    LongTable { table: TableName, index: usize, total: usize },
    /// The long tables are read back: features are made of what was found complete.
    ReadBack,
    /// The features of a table are written: table `index`, from 1, of `total`.
    #[expect(missing_docs, reason = "the variant's doc says it")]
    Features { table: TableName, n_features: usize, index: usize, total: usize },
    /// All files are in their places: the others are opened again, too, and compared with what was to be written.
    Verification,
}

/// Observes nothing and never stops an export.
#[derive(Debug, Default, Clone, Copy)]
pub struct Unobserved;

impl ExportObserver for Unobserved {
    fn step(&self, _: &ExportStep) {}

    fn should_stop(&self) -> bool {
        false
    }
}
