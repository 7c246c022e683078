//! Reads a feature of a store and says what it is: sessions × regions, and how long that took.
//!
//! ```sh
//! cargo run --release --example read_feature -- data/processed gm_volume_mm3
//! ```

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;
use na_store::{FeatureStore, ReadOptions};

/// Reads one feature of a store.
#[derive(Debug, Parser)]
struct Options {
    /// The store's folder
    store: PathBuf,
    /// The feature; the first if none is named
    feature: Option<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Options { store, feature } = Options::parse();
    let started = Instant::now();
    let store = FeatureStore::open(store)?;
    let feature = match feature {
        Some(feature) => feature,
        None => store.list_features(None)?.into_iter().next().ok_or("the store has no feature")?,
    };
    let batch = store.feature_batch(&feature, &ReadOptions::default())?;
    let seconds = started.elapsed().as_secs_f64();
    println!("{feature}: {} sessions × {} columns, {seconds:.2} s", batch.num_rows(), batch.num_columns());
    Ok(())
}
