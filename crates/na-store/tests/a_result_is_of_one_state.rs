//! A reader beside loads and exports: a unit is committed as a whole, and no result has parts of two versions of it.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::{RecordBatch, cast::AsArray, types::Float64Type};
use na_cache::{Cache, OwnerLock};
use na_model::Modality;
use na_store::{FeatureStore, Origin, ReadOptions, StoreError, Unobserved};
use rusqlite::Connection;
use support::{commit, export_all, record, unit};
use tempfile::TempDir;

const SUBJECTS: [&str; 3] = ["1", "2", "3"];

/// Features of two kinds of units. One of a table is replaced long before one of another.
const FEATURES: [&str; 4] = ["NODDI_noddi_icvf_mean", "gm_mean", "NODDI_noddi_od_mean", "ct_mean"];
const ANATOMICAL: [&str; 3] = ["gm_mean:b", "ct_mean:b", "tiv"];
const DIFFUSION: [&str; 2] = ["NODDI_noddi_icvf_mean:b", "NODDI_noddi_od_mean:b"];

/// Exports a version of all sessions: every value follows from its number.
fn export_version(output: &Path, version: u32) {
    let lock = OwnerLock::acquire(output).unwrap();
    let record = record(&SUBJECTS);
    let units = SUBJECTS
        .iter()
        .flat_map(|subject| Modality::ALL.map(|modality| unit(subject, modality, f64::from(version))));
    export_all(&lock, commit(&lock, &record, units.collect()), &record, false, &Unobserved).unwrap();
}

/// The one version that these columns of a session have: the region `b` has its number, and TIV is 1,000 more.
fn version(batch: &RecordBatch, row: usize, columns: &[&str]) -> u64 {
    let versions: BTreeSet<u64> = columns
        .iter()
        .map(|name| {
            let value = batch[*name].as_primitive::<Float64Type>().value(row);
            (if *name == "tiv" { value - 1000.0 } else { value }).to_bits()
        })
        .collect();
    assert_eq!(versions.len(), 1, "{columns:?} of one session are of versions {versions:?}");
    *versions.first().unwrap()
}

#[test]
fn no_result_mixes_two_versions_of_a_unit() {
    let output = tempfile::tempdir().unwrap();
    export_version(output.path(), 1);
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            let store = FeatureStore::open(output.path()).unwrap();
            let options = ReadOptions::default().with_tiv();
            while !is_done.load(Ordering::Relaxed) {
                match store.features_batch(&FEATURES, &options) {
                    Ok(batch) => {
                        assert_eq!(batch.num_rows(), SUBJECTS.len());
                        for row in 0..batch.num_rows() {
                            seen.insert(version(&batch, row, &ANATOMICAL));
                            version(&batch, row, &DIFFUSION);
                        }
                    }
                    Err(StoreError::Changing { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
                match store.scan_long_with("anatomical_gm", &options).and_then(|scan| scan.read_all()) {
                    Ok((_, batches)) => {
                        // A session's first row is that of `b`.
                        let firsts = batches.iter().flat_map(|batch| {
                            let rows = (0..batch.num_rows()).step_by(3);
                            rows.map(|row| version(batch, row, &["mean", "tiv"])).collect::<Vec<_>>()
                        });
                        assert_eq!(firsts.count(), SUBJECTS.len());
                    }
                    Err(StoreError::Changing { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            seen
        });
        (2..=12).for_each(|version| export_version(output.path(), version));
        is_done.store(true, Ordering::Relaxed);
        let seen = reader.join().unwrap();
        assert!(seen.len() > 3, "the reader saw {} versions only", seen.len());
    });
}

/// A store beside which a load has just created its cache, without tables so far.
fn beside_an_empty_cache() -> TempDir {
    let output = tempfile::tempdir().unwrap();
    export_version(output.path(), 1);
    let cache = Connection::open(Cache::path_in(output.path())).unwrap();
    cache.pragma_update(None, "journal_mode", "WAL").unwrap();
    output
}

/// The version of each session.
fn versions(store: &FeatureStore, origin: Origin) -> BTreeSet<u64> {
    let batch = store.features_batch(&FEATURES, &ReadOptions::default().with_tiv().from(origin)).unwrap();
    (0..batch.num_rows()).map(|row| version(&batch, row, &ANATOMICAL)).collect()
}

#[test]
fn who_looked_while_a_cache_was_empty_sees_what_is_committed_to_it() {
    let output = beside_an_empty_cache();
    let store = FeatureStore::open(output.path()).unwrap();
    assert_eq!(versions(&store, Origin::Newest), [1.0_f64.to_bits()].into());
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let units = SUBJECTS.map(|subject| unit(subject, Modality::Anatomical, 2.0));
    let _loading = commit(&lock, &record(&SUBJECTS), units.into());
    assert_eq!(versions(&store, Origin::Newest), [2.0_f64.to_bits()].into());
}

/// An export renames features while their tables are still being synced. A withdrawal's has no cache that readers see, and one that
/// was cut short may have lost it.
#[test]
fn features_that_come_before_their_tables_are_not_read() {
    let alone = tempfile::tempdir().unwrap();
    export_version(alone.path(), 1);
    [beside_an_empty_cache(), alone].iter().for_each(features_come_before_their_tables);
}

fn features_come_before_their_tables(output: &TempDir) {
    let store = FeatureStore::open(output.path()).unwrap();
    assert_eq!(versions(&store, Origin::Newest), [1.0_f64.to_bits()].into());
    let newer = tempfile::tempdir().unwrap();
    export_version(newer.path(), 2);
    for feature in ["gm_mean", "ct_mean"] {
        let name = format!("wide/anatomical/{feature}.parquet");
        fs::rename(newer.path().join(&name), output.path().join(&name)).unwrap();
    }
    for origin in [Origin::Newest, Origin::Parquet] {
        assert_eq!(versions(&store, origin), [1.0_f64.to_bits()].into());
    }
    assert_eq!(store.feature_info("gm_mean").unwrap().n_sessions, SUBJECTS.len());
}
