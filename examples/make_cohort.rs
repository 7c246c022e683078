//! Writes a cohort of any size to measure with: tables of 456 regions × 57 columns, three a session or twenty, or small ones.
//!
//! ```sh
//! cargo run --release --example make_cohort -- --sessions 100 --tables all cohort
//! cargo run --release -- --env-file cohort/.env --output store
//! ```

use std::error::Error;
use std::path::PathBuf;

use bench_support::cohort::{self, Tables};
use bench_support::lab::Lab;
use clap::Parser;

/// Writes a cohort to measure with. The same numbers give the same bytes.
#[derive(Debug, Parser)]
struct Options {
    /// How many sessions; those of a smaller cohort are the first of a larger one
    #[arg(long, default_value_t = 100)]
    sessions: usize,
    /// small: two tissues of 100 × 12, 40 kB a session. anat: three of 456 × 57, 1.2 MB. all: and seventeen diffusion maps, 8 MB. lab:
    /// values as people have them, of some maps, with faults that a report should find
    #[arg(long, default_value = "all", value_parser = ["small", "anat", "all", "lab"])]
    tables: String,
    /// Regions of a lab
    #[arg(long, default_value_t = 60)]
    regions: usize,
    /// Maps of a lab, at most 20
    #[arg(long, default_value_t = 6)]
    maps: usize,
    /// A lab of which every table can be read: a load ends with 0
    #[arg(long)]
    whole: bool,
    /// Another seed makes another lab
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A new folder
    folder: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Options { sessions, tables, regions, maps, whole, seed, folder } = Options::parse();
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(format!("{} is not empty: name a new folder", folder.display()).into());
    }
    if tables == "lab" {
        let faulty = Lab::with_faults(seed, sessions);
        let broken_tables = if whole { 0 } else { faulty.broken_tables };
        let lab = Lab { regions, maps, broken_tables, ..faulty };
        lab.write(&folder)?;
        println!("{sessions} sessions, {regions} regions, {maps} maps, in {}", folder.display());
        return Ok(());
    }
    let tables = match tables.as_str() {
        "small" => Tables::Small,
        "anat" => Tables::Anat,
        _ => Tables::All,
    };
    let bytes = cohort::write(&folder, sessions, tables)?;
    println!("{sessions} sessions, {} MB of tables, in {}", bytes / 1_000_000, folder.display());
    Ok(())
}
