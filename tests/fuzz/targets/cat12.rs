#![no_main]
//! A file of CAT12 itself: a report, or values of regions.

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use na_pipeline::parse::cat12_globals::parse_globals;
use na_pipeline::parse::cat12_rois::{RoiKind, parse_rois};
use neuroalign_fuzz::names_the_file;

fuzz_target!(|bytes: &[u8]| {
    let result = parse_globals(Path::new("in/cat.xml"), bytes);
    if let Ok(globals) = &result {
        assert!(globals.measures.num_rows() > 0);
    }
    names_the_file(result, "in/cat.xml");
    for kind in [RoiKind::Volumes, RoiKind::Surfaces] {
        let result = parse_rois(Path::new("in/catROI.xml"), bytes, "cobra", kind);
        if let Ok(rois) = &result {
            assert!(rois.regions.num_rows() > 0);
        }
        names_the_file(result, "in/catROI.xml");
    }
});
