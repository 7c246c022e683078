//! One feature of a store as a frame: `cargo run -p na-store --example read_a_feature -- data/processed gm_volume_mm3`

use std::error::Error;
use std::path::Path;

use na_store::{FeatureStore, ReadOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "data/processed".to_owned());
    let feature = arguments.next().unwrap_or_else(|| "gm_volume_mm3".to_owned());
    read(Path::new(&folder), &feature)
}

/// Says what a feature is, and what it holds.
pub fn read(folder: &Path, feature: &str) -> Result<(), Box<dyn Error>> {
    let store = FeatureStore::open(folder)?;
    let info = store.feature_info(feature)?;
    println!("{feature}: {} of {} regions, in {}", info.metric, info.regions.len(), info.unit);
    println!("atlas {}, parcellate {}", info.atlas_name, info.producer_versions.join(", "));

    let frame = store.load_feature(feature, &ReadOptions::default().with_tiv())?;
    println!("{} sessions × {} columns", frame.height(), frame.width());
    if let Ok(volumes) = frame.column("tiv")?.f64() {
        println!("TIV of the first session: {:?} mL", volumes.iter().next().flatten());
    }
    Ok(())
}
