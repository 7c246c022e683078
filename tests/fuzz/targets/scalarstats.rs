#![no_main]
//! A table of QSIRecon: its maps, and the first of them.

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use na_pipeline::parse::scalarstats::{maps_of, parse_scalarstats};
use neuroalign_fuzz::names_the_file;

fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("in/x_scalarstats.tsv");
    let maps = maps_of(path, bytes);
    if let Ok(maps) = &maps {
        let result = parse_scalarstats(path, bytes, "W", &maps[0], &|| false);
        if let Ok(table) = &result {
            assert!(table.batch.num_rows() > 0 && table.batch.column_by_name("label").is_some());
        }
        names_the_file(result, "in/x_scalarstats.tsv");
    }
    names_the_file(maps, "in/x_scalarstats.tsv");
});
