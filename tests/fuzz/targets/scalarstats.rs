#![no_main]
//! A table of QSIRecon: which maps it has, and these.

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use na_pipeline::parse::scalarstats::{maps_of, parse_scalarstats};
use neuroalign_fuzz::names_the_file;

fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("in/x_scalarstats.tsv");
    let maps = maps_of(path, bytes, true);
    if let Ok(Some(maps)) = &maps {
        let maps: Vec<&str> = maps.iter().map(String::as_str).collect();
        let result = parse_scalarstats(path, bytes, "W", &maps, &|| false);
        for table in result.iter().flatten() {
            assert!(table.batch.num_rows() > 0 && table.batch.column_by_name("label").is_some());
        }
        names_the_file(result, "in/x_scalarstats.tsv");
    }
    names_the_file(maps, "in/x_scalarstats.tsv");
});
