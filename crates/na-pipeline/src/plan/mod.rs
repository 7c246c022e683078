//! What a run has to do, and what it may take: files compared with what the store knows.
//!
//! Knows inputs and the store, and reads files only to compare them. Promises that nothing leaves the store that nobody
//! asked to leave. Begin with [`run_plan`].

pub(crate) mod absent_files;
mod changes;
pub(crate) mod collisions;
pub(crate) mod decision;
pub(crate) mod disk_space;
pub(crate) mod earlier_settings;
pub(crate) mod evictions;
pub(crate) mod fresh_load;
pub(crate) mod let_go;
mod metric_check;
mod outcomes;
mod planner;
pub(crate) mod removals;
pub(crate) mod run_inputs;
pub(crate) mod run_plan;
pub(crate) mod unit_plan;
mod unit_records;
