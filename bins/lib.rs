//! The two commands, `neuroalign-preprocess` and `neuroalign-export-cache`: arguments, logging, printing.
//!
//! Each command is a function from arguments to an exit status, so that another front end can offer the same commands.
//! What they do is in the crates below: `na-pipeline` loads, `na-store` exports, `na-cache` keeps what was read.

pub mod export_cache;
pub mod preprocess;

mod exit;
mod logging;
mod options;
mod progress;
mod settings;
mod signals;
mod summary;
