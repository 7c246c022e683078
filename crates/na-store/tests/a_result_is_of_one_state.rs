//! A reader beside loads and exports: a unit is committed as a whole, and no result has parts of two versions of it.

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Float64Type;
use na_cache::OwnerLock;
use na_model::Modality;
use na_store::{FeatureStore, ReadOptions, StoreError, Unobserved};
use support::{commit, export_all, record, unit};

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
