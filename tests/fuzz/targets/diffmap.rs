#![no_main]
//! A table of QSIParc.

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use na_pipeline::parse::diffmap::parse_diffmap;
use neuroalign_fuzz::names_the_file;

fuzz_target!(|bytes: &[u8]| {
    let result = parse_diffmap(Path::new("in/x_diffmap.tsv"), bytes, &|| false);
    if let Ok(table) = &result {
        assert!(table.batch.num_rows() > 0 && table.batch.column_by_name("index").is_some());
    }
    names_the_file(result, "in/x_diffmap.tsv");
});
