//! Analysis that starts before a load ends, or after one that was killed: each call sees what is committed by then.
//! `cargo run -p na-store --example while_a_load_is_running -- data/processed`

use std::error::Error;
use std::path::Path;

use na_cache::{Cancel, cache_status};
use na_store::{FeatureStore, Origin, ReadOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "data/processed".to_owned());
    look(Path::new(&folder)).map(|_| ())
}

/// Says what is exported and what is only in the cache; gives the rows of the first feature.
pub fn look(folder: &Path) -> Result<usize, Box<dyn Error>> {
    let store = FeatureStore::open(folder)?;
    match cache_status(store.folder(), &Cancel::never())? {
        Some(cache) => println!(
            "{} anatomical and {} diffusion sessions are in the cache",
            cache.anatomical_sessions, cache.diffusion_sessions
        ),
        None => println!("everything is exported"),
    }
    let Some(name) = store.list_features(None)?.into_iter().next() else {
        println!("nothing is committed yet");
        return Ok(0);
    };
    let all = store.load_feature(&name, &ReadOptions::default())?.height();
    let exported = match store.load_feature(&name, &ReadOptions::default().from(Origin::Parquet)) {
        Ok(frame) => frame.height(),
        Err(_) => 0,
    };
    println!("{name}: {all} sessions, {exported} of them exported");
    Ok(all)
}
