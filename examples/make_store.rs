//! Writes a store of any size to measure readers and reports with, without the files that it would be read from.
//!
//! ```sh
//! cargo run --release --example make_store -- --sessions 10000 --regions 456 --maps 80 store
//! ```

use std::error::Error;
use std::path::PathBuf;

use bench_support::made_up_store;
use clap::Parser;

/// Writes a store of one workflow. The same numbers give the same values.
#[derive(Debug, Parser)]
struct Options {
    /// How many sessions
    #[arg(long, default_value_t = 1000)]
    sessions: usize,
    /// Regions of a map
    #[arg(long, default_value_t = 456)]
    regions: usize,
    /// Maps, each with one feature
    #[arg(long, default_value_t = 20)]
    maps: usize,
    /// A new folder
    folder: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Options { sessions, regions, maps, folder } = Options::parse();
    na_store::create_output(&folder)?;
    made_up_store::write(&folder, sessions, regions, maps);
    println!("{sessions} sessions × {regions} regions × {maps} maps, in {}", folder.display());
    Ok(())
}
