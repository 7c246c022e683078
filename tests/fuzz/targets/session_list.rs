#![no_main]
//! A session list.

use std::fs;

use libfuzzer_sys::fuzz_target;
use na_pipeline::{SessionListOptions, read_session_list};
use neuroalign_fuzz::{folder, names_the_file};

fuzz_target!(|bytes: &[u8]| {
    let folder = folder();
    for name in ["list.csv", "list.tsv"] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("a file");
        let result = read_session_list(&path, &SessionListOptions::default());
        if let Ok(list) = &result {
            assert!(list.rows.iter().all(|row| row.values.len() == list.columns.len()));
        }
        names_the_file(result, name);
    }
});
