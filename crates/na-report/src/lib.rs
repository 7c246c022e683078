//! The cohort at a glance: one HTML file that says who is missing and why, which values look wrong, and whether versions differ.
//!
//! [`Report`] reads one state of a store through [`FeatureStore`](na_store::FeatureStore), computes robust statistics of every feature, and
//! writes a page that needs no network, no library and, but for searching, sorting and saving, no script.
//!
//! ```
//! use na_report::Report;
//! use na_store::FeatureStore;
//!
//! # let folder = tempfile::tempdir()?;
//! let store = FeatureStore::open(folder.path())?;
//! let report = Report::of(&store)?;
//! report.write(folder.path().join("report.html"))?;
//! assert!(report.html().starts_with("<!doctype html>"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it promises
//! - Every number is one of the store, by the formula that the page gives for it.
//! - The same store gives the same bytes, whatever the threads.
//! - Values of a feature are in memory for a few features at a time, and of a large cohort a part of each.
//! - No value of the session list, and no total intracranial volume, of a single session; groups of fewer than five people are not told apart.
//! - Names stay text, in HTML, in JSON and in the lists that the page saves.
//!
//! What it is not: it decides nothing. A flag is a reason to look at an image.
//!
//! # Rooms, from the ground up
//!
//! | room | holds |
//! |---|---|
//! | `statistics` | medians, spreads, ranks: of numbers alone |
//! | `disclosure` | which counts of small groups may be shown |
//! | `drawing` | numbers as text, colours, pictures |
//! | `file` | the file of a report |
//! | `cohort` | sessions, and all that is known of them but the values of regions |
//! | `naming` | how the page calls sessions |
//! | `features` | what the values of features say |
//! | `sections` | the sections of the page |
//! | `page` | the frame, the script, and what that reads |
//! | `report` | all of it |
#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![deny(clippy::print_stdout)]

mod cohort;
mod disclosure;
mod drawing;
mod error;
mod features;
mod file;
mod naming;
mod page;
mod report;
mod sections;
mod statistics;

pub use error::ReportError;
pub use file::is_current;
pub use report::Report;
