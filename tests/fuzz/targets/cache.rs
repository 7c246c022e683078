#![no_main]
//! A cache with bytes that are not what was written.

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use neuroalign_fuzz::{damaged, read_and_export};

fuzz_target!(|bytes: &[u8]| {
    let output = damaged(|path| path == Path::new(".cache.db"), &[&[0], bytes].concat());
    read_and_export(output.path());
});
