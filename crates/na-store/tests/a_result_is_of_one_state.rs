//! A reader beside exports: each result is of one state, whatever is replaced meanwhile.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers may fail it")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Float64Type;
use na_cache::OwnerLock;
use na_model::{Modality, WideMetrics};
use na_store::{FeatureStore, ReadOptions, StoreError, Unobserved};
use support::{commit, export_all, record, unit};

const SUBJECTS: [&str; 3] = ["1", "2", "3"];

/// Features of tables that are written one after the other, the first and the last again and again.
const FEATURES: [&str; 4] = ["NODDI_noddi_icvf_mean", "gm_mean", "NODDI_noddi_od_mean", "ct_mean"];

/// Exports a version of all sessions: every value follows from its number.
fn export_version(output: &Path, version: u32) {
    let lock = OwnerLock::acquire(output).unwrap();
    let mut record = record(&SUBJECTS);
    record.settings.wide_metrics = WideMetrics::All;
    let units = SUBJECTS
        .iter()
        .flat_map(|subject| Modality::ALL.map(|modality| unit(subject, modality, f64::from(version))));
    export_all(&lock, commit(&lock, &record, units.collect()), &record, false, &Unobserved).unwrap();
}

/// The versions that values of the region `b` are of: it has the number itself.
fn versions(batch: &RecordBatch) -> BTreeSet<u64> {
    let regions =
        batch.schema_ref().fields().iter().enumerate().filter(|(_, field)| field.name().ends_with(":b"));
    regions
        .flat_map(|(place, _)| batch.column(place).as_primitive::<Float64Type>().values().to_vec())
        .map(f64::to_bits)
        .collect()
}

fn versions_of_rows(batches: &[RecordBatch]) -> BTreeSet<u64> {
    let of = |batch: &RecordBatch| {
        let (labels, means) =
            (batch["label"].as_string::<i32>(), batch["mean"].as_primitive::<Float64Type>());
        let named = labels.iter().zip(means.values()).filter(|(label, _)| *label == Some("b"));
        named.map(|(_, mean)| mean.to_bits()).collect::<Vec<_>>()
    };
    batches.iter().flat_map(of).collect()
}

#[test]
fn no_result_mixes_two_versions() {
    let output = tempfile::tempdir().unwrap();
    export_version(output.path(), 1);
    let (is_done, n_reads) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut seen = BTreeSet::new();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            let store = FeatureStore::open(output.path()).unwrap();
            let options = ReadOptions::default().with_tiv();
            while !is_done.load(Ordering::Relaxed) {
                let features = store.features_batch(&FEATURES, &options);
                let rows = store.scan_long("anatomical_gm").and_then(|scan| scan.read_all());
                let found = [
                    features.map(|batch| {
                        assert_eq!(batch.num_rows(), SUBJECTS.len());
                        let mut versions = versions(&batch);
                        let tiv = batch["tiv"].as_primitive::<Float64Type>().values();
                        versions.extend(tiv.iter().map(|tiv| (tiv - 1000.0).to_bits()));
                        versions
                    }),
                    rows.map(|(_, batches)| versions_of_rows(&batches)),
                ];
                for versions in found {
                    match versions {
                        Ok(versions) => {
                            assert_eq!(versions.len(), 1, "versions {versions:?} in one result");
                            seen.extend(versions);
                            n_reads.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(StoreError::Changing { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            seen
        });
        (2..30).for_each(|version| export_version(output.path(), version));
        is_done.store(true, Ordering::Relaxed);
        seen.extend(reader.join().unwrap());
    });
    assert!(seen.len() > 3, "the reader saw {} versions only", seen.len());
}
