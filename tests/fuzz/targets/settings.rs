#![no_main]
//! A `.env`: the command says what is wrong with it, or what a run would do.

use std::fs;

use libfuzzer_sys::fuzz_target;
use neuroalign_fuzz::folder;

fuzz_target!(|bytes: &[u8]| {
    let folder = folder();
    let settings = folder.path().join(".env");
    fs::write(&settings, bytes).expect("a file");
    let command = ["neuroalign-preprocess", "--dry-run", "--no-progress", "--output"].map(Into::into);
    let paths = [folder.path().join("store").into(), "--env-file".into(), settings.into()];
    let status = neuroalign::preprocess::main(command.into_iter().chain(paths));
    assert!([0, 1, 2, 3].contains(&status), "exit status {status}");
    assert!(!folder.path().join("store").exists(), "nothing is written");
});
