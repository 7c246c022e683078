//! The two commands, `neuroalign-preprocess` and `neuroalign-export-cache`: arguments, logging, printing.
//!
//! Each command is a function from arguments to an exit status, so that another front end can offer the same commands.
//! What they do is in the crates below: `na-pipeline` loads, `na-store` exports and reads, `na-cache` keeps what was
//! read.
//!
//! A tour, on the cohort that the project ships:
//!
//! ```
//! use na_store::{FeatureStore, ReadOptions};
//!
//! let folder = tempfile::tempdir()?;
//! let output = folder.path().join("store");
//! let settings = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cohort/.env");
//! let command = ["neuroalign-preprocess", "--env-file", settings, "--no-progress", "--output"];
//! let arguments = command.iter().map(Into::into).chain([output.clone().into_os_string()]);
//! neuroalign::preprocess::main(arguments);
//!
//! let store = FeatureStore::open(&output)?;
//! assert_eq!(store.existing_sessions()?.len(), 3);
//! let volumes = store.load_feature("gm_volume_mm3", &ReadOptions::default().with_tiv())?;
//! assert_eq!(volumes.height(), 3);
//! let info = store.feature_info("gm_volume_mm3")?;
//! assert_eq!((info.unit.as_str(), info.regions.len()), ("mm3", 384));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![deny(clippy::print_stdout)]

pub mod export_cache;
pub mod preprocess;

mod atlas_choice;
mod cohort_report;
mod collisions;
mod env_file;
mod exit;
mod for_shells;
mod invocation;
mod list_columns;
mod listed_shown;
mod load;
mod logging;
mod options;
mod other_names;
mod panics;
mod producer_options;
mod progress;
mod segments_shown;
mod settings;
mod signals;
mod slurm;
mod status;
mod summary;
mod today;
mod version;
mod withdrawn;

/// The pages that show Rust are compiled.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/rust.md")]
    struct ReadingFromRust;
}

pub use cohort_report::report_beside;
pub use load::{CommandError, Loaded, Surroundings, load};
pub use options::all_cores;
pub use panics::keep_quiet_about_caught_panics;
