#![no_main]
//! A table's sidecar.

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use na_pipeline::parse::sidecar::parse_sidecar;
use neuroalign_fuzz::names_the_file;

fuzz_target!(|bytes: &[u8]| names_the_file(parse_sidecar(Path::new("in/side.json"), bytes), "in/side.json"));
