//! The examples of the library do what they say, on the cohort that the project ships.
#![allow(dead_code, unreachable_pub, reason = "examples, and a test of them")]

mod support;

#[path = "../crates/na-store/examples/arrow_only.rs"]
mod arrow_only;
#[path = "../crates/na-store/examples/matrix_for_a_model.rs"]
mod matrix_for_a_model;
#[path = "../crates/na-store/examples/read_a_feature.rs"]
mod read_a_feature;
#[path = "../crates/na-store/examples/while_a_load_is_running.rs"]
mod while_a_load_is_running;

use std::path::{Path, PathBuf};

use support::{Ran, preprocess};
use tempfile::TempDir;

/// The shipped cohort's store; its cache stays, and holds all of it too.
fn store() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cohort/.env");
    let mut command = preprocess(folder.path());
    command.arg("--env-file").arg(settings).args(["-o", "store", "--keep-cache"]);
    Ran::of(command.output().unwrap()).ended(0);
    let store = folder.path().join("store");
    (folder, store)
}

#[test]
fn every_example_reads_the_store() {
    let (_folder, store) = store();
    read_a_feature::read(&store, "gm_volume_mm3").unwrap();
    assert_eq!(while_a_load_is_running::look(&store).unwrap(), 1);
    let (rows, volume) = arrow_only::total(&store, "anatomical_gm").unwrap();
    assert_eq!(rows, 1152);
    assert!(volume > 1e6, "three brains have over a litre of grey matter, {volume} mm³");
    let matrix = matrix_for_a_model::Matrix::of_age(&store, &["gm_volume_mm3", "ct_mean"]).unwrap();
    assert_eq!((matrix.y.len(), matrix.groups.len()), (3, 3));
    assert_eq!(matrix.x.len(), 3 * matrix.columns.len());
    assert_eq!(matrix.columns.last().unwrap(), "tiv");
}
