#![no_main]
//! A store with a Parquet file that is not what was written.

use libfuzzer_sys::fuzz_target;
use neuroalign_fuzz::{damaged, read_and_export};

fuzz_target!(|bytes: &[u8]| {
    let output = damaged(|path| path.extension().is_some_and(|extension| extension == "parquet"), bytes);
    read_and_export(output.path());
});
