//! Writes the report of a store: `cargo run --release -p na-report --example write_a_report -- STORE OUT`.

use std::time::Instant;

use na_report::Report;
use na_store::FeatureStore;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(store), Some(path)) = (arguments.next(), arguments.next()) else {
        return Err("usage: write_a_report STORE OUT".into());
    };
    let started = Instant::now();
    let report = Report::of(&FeatureStore::open(store)?)?;
    let made = started.elapsed();
    report.write(&path)?;
    println!("{path}: {} bytes, made in {:.2} s", report.html().len(), made.as_secs_f64());
    Ok(())
}
