//! What ships does not panic by its own doing: the root of each of its crates denies what would.

use std::fs;
use std::path::{Path, PathBuf};

const DENIED: [&str; 2] = [
    "#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]\n",
    "#![deny(clippy::print_stdout)]\n",
];

/// The roots of the libraries and of the programs.
fn crate_roots() -> Vec<PathBuf> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = fs::read_dir(project.join("crates")).unwrap();
    let mut roots: Vec<PathBuf> = crates.map(|entry| entry.unwrap().path().join("src/lib.rs")).collect();
    roots.push(project.join("bins/lib.rs"));
    let mains = [env!("CARGO_BIN_EXE_neuroalign-preprocess"), env!("CARGO_BIN_EXE_neuroalign-export-cache")];
    roots.extend(mains.iter().map(|program| {
        let name = Path::new(program).file_stem().unwrap();
        project.join("bins").join(name).with_extension("rs")
    }));
    roots
}

#[test]
fn every_crate_root_denies_panics_and_prints() {
    for root in crate_roots() {
        let code = fs::read_to_string(&root).unwrap();
        for line in DENIED {
            assert!(code.contains(line), "{} lacks {line}", root.display());
        }
    }
}
