#![no_main]
//! A stats file of FreeSurfer.

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use na_pipeline::parse::freesurfer_stats::parse_stats;
use neuroalign_fuzz::names_the_file;

fuzz_target!(|bytes: &[u8]| {
    let result = parse_stats(Path::new("in/lh.aparc.stats"), bytes, &|| false);
    if let Ok(stats) = &result {
        assert!(stats.measures.iter().all(|measure| measure.value.is_none_or(f64::is_finite)));
    }
    names_the_file(result, "in/lh.aparc.stats");
});
