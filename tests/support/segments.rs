//! What segments become: the store that one ordinary run makes.
#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

use std::fs;
use std::path::{Path, PathBuf};

use super::cohort::Cohort;
use super::files;
use super::store::Store;

/// The published segments of a store, in the order of their names.
pub fn segments_in(store: &Path) -> Vec<PathBuf> {
    let folder = store.join(".segments");
    let mut names = if folder.is_dir() { files::all_below(&folder) } else { Vec::new() };
    names.retain(|path| path.extension().is_some_and(|ending| ending == "seg"));
    names
}

/// The store that one ordinary run makes of a cohort as it is now.
pub fn store_of_one_run(cohort: &Cohort) -> Store {
    let output = cohort.path("in-one-run");
    let _ = fs::remove_dir_all(&output);
    cohort.run(&["-o", "in-one-run"]);
    Store::read(&output)
}

/// Fails unless a cohort's store is that of one ordinary run.
#[track_caller]
pub fn assert_is_one_run(cohort: &Cohort) {
    Store::read(&cohort.store()).assert_same(&store_of_one_run(cohort));
}
