//! A long table in Arrow batches, without Polars: memory stays flat whatever the number of sessions.
//! `cargo run -p na-store --no-default-features --example arrow_only -- data/processed anatomical_gm`

use std::error::Error;
use std::path::Path;

use arrow_array::cast::AsArray;

use arrow_array::types::Float64Type;
use na_store::{FeatureStore, ReadOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "data/processed".to_owned());
    let table = arguments.next().unwrap_or_else(|| "anatomical_gm".to_owned());
    let (rows, total) = total(Path::new(&folder), &table)?;
    println!("{table}: {rows} rows, the volumes of all regions together are {total} mm³");
    Ok(())
}

/// Rows of a long table, and the sum of one of its columns: no other statistic is read.
pub fn total(folder: &Path, table: &str) -> Result<(usize, f64), Box<dyn Error>> {
    let store = FeatureStore::open(folder)?;
    let options = ReadOptions::default().metrics(["volume_mm3"]).without_metadata();
    let (mut rows, mut total) = (0, 0.0);
    for batch in store.scan_long_with(table, &options)? {
        let batch = batch?;
        rows += batch.num_rows();
        let volumes = batch.column_by_name("volume_mm3").ok_or("no volumes")?;
        total += volumes.as_primitive::<Float64Type>().iter().flatten().sum::<f64>();
    }
    Ok((rows, total))
}
