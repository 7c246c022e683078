//! From folders of TSVs to a feature store: list, find, read, commit, export.
//!
//! [`run`] takes a [`Config`] and tells an [`Observer`] what happens. Sessions come from a list or from the folders
//! themselves. Every unit is committed to the cache the moment it is read, a run that was cut short goes on where it
//! was, and a file that cannot be read fails its unit and no other. What this crate is not: it has no command line,
//! prints nothing, and looks at no environment.
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
//! println!("{} units were in the store already", report.plan.skipped);
//! # Ok::<(), na_pipeline::PipelineError>(())
//! ```
//!
//! # Rooms, from the ground to the roof
//! Each knows only those before it.
//!
//! | room | holds |
//! |---|---|
//! | `error`, `unit_error`, `event`, `safeguard` | what stops a run, what fails one unit, what a run reports, how much may leave a store |
//! | `identifiers` | when two spellings are one identifier |
//! | `files` | what lies on disk: folders, what names say, bytes and their fingerprints |
//! | [`parse`] | one file's bytes to values |
//! | `sessions` | the session list, discovery, who a session is, and which folder is its own |
//! | `withdrawals` | who withdrew, and taking them out |
//! | `inputs` | what can be loaded: [`Input`], one file for each, and the files of a unit |
//! | `config` | everything a run depends on, and the list of inputs |
//! | `plan` | what a run has to do, and what leaves the store |
//! | `load` | units are read, admitted in order, and committed |
//! | `run` | all of it, in order |

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

pub use config::{Config, SessionSource};
pub use error::PipelineError;
pub use event::{Event, Observer, PlanSummary};
pub use files::subjects_dir::{FolderChoice, Stream};
pub use inputs::entity_pick::EntityPick;
pub use inputs::found_tables::{FileBytes, FoundTable};
pub use inputs::freesurfer::FreeSurferFiles;
pub use inputs::input::Input;
pub use inputs::input_root::{RootList, TableRoot};
pub use inputs::own_atlases::OwnAtlases;
pub use inputs::qsiparc_layout::QsiparcLayout;
pub use inputs::searched_folder::SearchedFolder;
pub use inputs::unit_files::FoundUnit;
pub use parse::parsed_table::{ParsedTable, Remark};
pub use plan::disk_space::DiskSpace;
pub use plan::let_go::LetGo;
pub use run::dry_run::dry_run;
pub use run::listing::read_listing;
pub use run::report::RunReport;
pub use run::run;
pub use run::segments::{SegmentLoad, load_segments};
pub use sessions::labels::Labels;
pub use sessions::list::options::SessionListOptions;
pub use sessions::list::{ListedRow, ListedRows, read_session_list};
pub use sessions::session_list::RowCounts;
pub use sessions::shard::Shard;
pub use unit_error::UnitError;
pub use withdrawals::participant::{Beside, Participant};
pub use withdrawals::subjects::Doubt;
pub use withdrawals::withdrawal::{Withdrew, withdraw, would_withdraw};
pub use withdrawals::withdrawal_list::{Meant, NOBODY, Unclear, Withdrawn};
