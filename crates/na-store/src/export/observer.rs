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
    /// A long table is written: the how-manieth of how many.
    LongTable {
        /// Which.
        table: TableName,
        /// Its place, from 1.
        place: usize,
        /// How many are written.
        of: usize,
    },
    /// The features of a table are written.
    Features {
        /// Of which table.
        table: TableName,
        /// How many.
        n_features: usize,
        /// The table's place, from 1.
        place: usize,
        /// How many tables' features are written.
        of: usize,
    },
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
