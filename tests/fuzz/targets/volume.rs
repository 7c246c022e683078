#![no_main]
//! A report of CAT12, or a table, that TIV is read from.

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use na_pipeline::parse::cat12_report::tiv_from_xml;
use na_pipeline::parse::tiv_tsv::tiv_from_tsv;
use neuroalign_fuzz::names_the_file;

fuzz_target!(|bytes: &[u8]| {
    let result = tiv_from_xml(Path::new("in/cat.xml"), bytes);
    if let Ok(Some(volume)) = result {
        assert!(volume.is_finite() && volume > 0.0);
    }
    names_the_file(result, "in/cat.xml");
    names_the_file(tiv_from_tsv(Path::new("in/tiv.tsv"), bytes), "in/tiv.tsv");
});
