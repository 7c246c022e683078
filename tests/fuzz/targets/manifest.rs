#![no_main]
//! A manifest beside whole files: understood, made again, or refused.

use std::fs;

use libfuzzer_sys::fuzz_target;
use neuroalign_fuzz::{damaged, read_and_export};

fuzz_target!(|bytes: &[u8]| {
    let output = damaged(|_| true, &[]);
    fs::write(output.path().join("manifest.json"), bytes).expect("a file");
    read_and_export(output.path());
});
