//! What earlier versions wrote is read: each raise of a format's version adds what the version before wrote to
//! `tests/fixtures`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers may fail it")]

mod support;

use std::fs;
use std::path::Path;

use na_store::{FeatureStore, ReadOptions};
use support::Ran;
use support::store::Store;
use tempfile::TempDir;

/// A cohort as version 0.1.0 found it, with the store (schema 2.0 of the manifest, sources without roots) that it made, or
/// with the cache (schema 2) that it left when it was killed before the export.
fn written_by_0_1_0() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/0.1.0"), folder.path());
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target)
        } else {
            fs::copy(entry.path(), target).map(|_| ()).unwrap()
        }
    }
}

fn run(folder: &Path, arguments: &[&str]) -> Ran {
    Ran::of(support::preprocess(folder).args(arguments).output().unwrap())
}

/// The store that today's version makes of the same files.
fn fresh(folder: &Path) -> Store {
    run(folder, &["-o", "fresh", "--keep-column", "DoB"]).ended(0);
    Store::read(&folder.join("fresh"))
}

fn with_cache(folder: &Path) {
    fs::remove_dir_all(folder.join("store")).unwrap();
    fs::create_dir(folder.join("store")).unwrap();
    fs::rename(folder.join("cache.db"), folder.join("store/.cache.db")).unwrap();
}

/// Fails the test where tables differ, with the first row that does. Later versions add columns to `sources.parquet`.
#[track_caller]
fn assert_same_tables(one: &Store, other: &Store) {
    assert_eq!(one.tables.keys().collect::<Vec<_>>(), other.tables.keys().collect::<Vec<_>>());
    for (name, table) in one.tables.iter().filter(|(name, _)| *name != "sources.parquet") {
        let there = &other.tables[name];
        assert_eq!((&table.columns, &table.types), (&there.columns, &there.types), "{name}");
        assert_eq!(table.rows.len(), there.rows.len(), "{name}");
        table.rows.iter().zip(&there.rows).for_each(|(here, there)| assert_eq!(here, there, "{name}"));
    }
}

#[test]
fn a_store_of_0_1_0_is_read_and_has_nothing_to_load() {
    let folder = written_by_0_1_0();
    let path = folder.path().join("store");
    let batch = FeatureStore::open(&path)
        .unwrap()
        .feature_batch("gm_mean", &ReadOptions::default().with_tiv())
        .unwrap();
    assert_eq!(batch.num_rows(), 3);
    let before = Store::read(&path);
    let ran = run(folder.path(), &["-o", "store", "--keep-column", "DoB", "--json"]).ended(0);
    assert_eq!((ran.units("loaded"), ran.units("skipped")), ([0, 0], [3, 2]));
    assert_same_tables(&Store::read(&path), &before);
    assert_same_tables(&before, &fresh(folder.path()));
}

#[test]
fn a_changed_file_is_merged_into_a_store_of_0_1_0() {
    let folder = written_by_0_1_0();
    let table = folder.path().join(
        "parcellated/cat12/sub-7/ses-1/anat/atlas-4S456Parcels/sub-7_ses-1_atlas-4S456Parcels_tissue-GM_parc.tsv",
    );
    let text = fs::read_to_string(&table).unwrap();
    fs::write(&table, text.replace("\t10\t", "\t77\t")).unwrap();
    let ran = run(folder.path(), &["-o", "store", "--keep-column", "DoB", "--json"]).ended(0);
    assert_eq!(ran.units("loaded"), [1, 0]);
    assert_same_tables(&Store::read(&folder.path().join("store")), &fresh(folder.path()));
}

#[test]
fn a_cache_of_schema_2_is_looked_at_read_resumed_and_exported() {
    let folder = written_by_0_1_0();
    with_cache(folder.path());
    let path = folder.path().join("store");
    let status =
        || Ran::of(support::export_cache(folder.path()).args(["store", "--status"]).output().unwrap());
    status().ended(0).says(&["Anatomical sessions: 3", "Diffusion sessions: 2"]);
    let batch = FeatureStore::open(&path)
        .unwrap()
        .feature_batch("gm_mean", &ReadOptions::default().with_tiv())
        .unwrap();
    assert_eq!(batch.num_rows(), 3);
    let ran = run(folder.path(), &["-o", "store", "--keep-column", "DoB", "--json"]).ended(0);
    assert_eq!((ran.units("loaded"), ran.units("skipped")), ([0, 0], [3, 2]));
    assert_same_tables(&Store::read(&path), &fresh(folder.path()));
}

#[test]
fn a_cache_of_schema_2_is_exported_by_itself() {
    let folder = written_by_0_1_0();
    with_cache(folder.path());
    Ran::of(support::export_cache(folder.path()).arg("store").output().unwrap()).ended(0);
    let path = folder.path().join("store");
    assert!(!path.join(".cache.db").exists());
    assert_same_tables(&Store::read(&path), &fresh(folder.path()));
}
