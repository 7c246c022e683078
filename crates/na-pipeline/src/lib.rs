//! From folders of TSVs to a feature store: list, find, read, commit, export.
//!
//! [`run`] takes a [`Config`] and tells an [`Observer`] what happens. Sessions come from a list or from the folders
//! themselves; each kind of input is one module of [`sources`]; every unit is committed to the cache the moment it is
//! read, and a run that was cut short goes on where it was. What this crate is not: it has no command line, prints
//! nothing, and looks at no environment.
//!
//! ```no_run
//! use na_pipeline::{Config, Event, Observer, SessionSource, run};
//!
//! struct Quiet;
//!
//! impl Observer for Quiet {
//!     fn event(&self, _: Event) {}
//!
//!     fn should_stop(&self) -> bool {
//!         false
//!     }
//! }
//!
//! let config = Config {
//!     cat12_root: Some("cat12".into()),
//!     cat12_parcellated_root: Some("parcellated/cat12".into()),
//!     n_jobs: 2,
//!     ..Config::new(SessionSource::Discover, "data/processed".into())
//! };
//! let report = run(&config, &Quiet)?;
//! println!("{} units were there already", report.plan.skipped);
//! # Ok::<(), na_pipeline::PipelineError>(())
//! ```
#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![deny(clippy::print_stdout)]

mod config;
mod error;
mod event;
mod files;
mod identifiers;
mod inputs;
mod load;
pub mod parse;
mod plan;
mod run;
mod safeguard;
mod sessions;
mod unit_error;
mod withdrawals;

pub use config::{Config, EntityPick, SessionSource};
pub use error::PipelineError;
pub use event::{Event, Observer, PlanSummary};
pub use plan::fresh_load::LetGo;
pub use run::dry_run::dry_run;
pub use run::report::RunReport;
pub use run::run;
pub use sessions::labels::Labels;
pub use sessions::list::options::SessionListOptions;
pub use sessions::list::{ListedRow, ListedRows, read_session_list};
pub use sessions::session_list::RowCounts;
pub use unit_error::UnitError;
pub use withdrawals::participant::{Beside, Participant};
pub use withdrawals::subjects::Doubt;
pub use withdrawals::withdrawal::{Withdrew, withdraw, would_withdraw};
pub use withdrawals::withdrawal_list::{Meant, NOBODY, Unclear, Withdrawn};
