//! Writes a cohort of any size to measure with: tables of 456 regions × 57 columns, three a session or twenty.
//!
//! ```sh
//! cargo run --release --example make_cohort -- --sessions 100 --tables all cohort
//! cargo run --release -- --env-file cohort/.env --output store
//! ```

use std::error::Error;
use std::path::PathBuf;

use bench_support::cohort;
use clap::{Parser, ValueEnum};

/// Writes a cohort to measure with. The same numbers give the same bytes.
#[derive(Debug, Parser)]
struct Options {
    /// How many sessions; those of a smaller cohort are the first of a larger one
    #[arg(long, default_value_t = 100)]
    sessions: usize,
    /// anat: three tissues, 1.2 MB a session. all: and seventeen diffusion maps, 8 MB a session
    #[arg(long, value_enum, default_value = "all")]
    tables: Tables,
    /// A new folder
    folder: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tables {
    Anat,
    All,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Options { sessions, tables, folder } = Options::parse();
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(format!("{} is not empty: name a new folder", folder.display()).into());
    }
    let bytes = cohort::write(&folder, sessions, tables == Tables::All)?;
    println!("{sessions} sessions, {} MB of tables, in {}", bytes / 1_000_000, folder.display());
    Ok(())
}
