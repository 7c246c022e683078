//! The cache is deleted after everything in it is in Parquet, and was read back from there.

#[path = "../../../tests/support/files.rs"]
mod files;
mod support;

use std::fs::{self, File};
use std::path::Path;
use std::sync::Mutex;

use files::parquet_below;
use na_cache::{Cache, OwnerLock};
use na_model::Modality;
use na_store::{ExportObserver, ExportStep, StoreError, Unobserved};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use support::{commit, export_all, read, record, unit};

/// Calls a function at each step of an export.
struct At<F>(F);

impl<F: Fn(&ExportStep) + Sync> ExportObserver for At<F> {
    fn step(&self, step: &ExportStep) {
        self.0(step);
    }

    fn should_stop(&self) -> bool {
        false
    }
}

fn n_rows(path: &Path) -> usize {
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    reader.map(|batch| batch.unwrap().num_rows()).sum()
}

fn both(subject: &str, value: f64) -> [na_cache::EncodedUnit; 2] {
    Modality::ALL.map(|modality| unit(subject, modality, value))
}

#[test]
fn a_file_that_lost_rows_keeps_the_cache() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let long = output.path().join("long/anatomical_gm.parquet");
    let first = record(&["1"]);
    export_all(&lock, commit(&lock, &first, both("1", 1.0).into()), &first, false, &Unobserved).unwrap();
    let older = fs::read(&long).unwrap();

    let second = record(&["1", "2"]);
    let cache = commit(&lock, &second, both("2", 2.0).into());
    let disk = At(|step: &ExportStep| {
        if *step == ExportStep::Verification {
            // All is in its place then.
            fs::write(&long, &older).unwrap();
        }
    });
    let error = export_all(&lock, cache, &second, false, &disk).unwrap_err();
    assert!(matches!(error, StoreError::NotVerified { .. }), "{error}");
    let kept = Cache::open_existing(output.path()).unwrap().unwrap();
    assert_eq!(kept.units().unwrap().len(), 2);
    drop(kept);

    let cache = commit(&lock, &second, Vec::new());
    let report = export_all(&lock, cache, &second, false, &Unobserved).unwrap();
    assert_eq!(report.manifest.long_formats["anatomical_gm"].n_rows, 6);
    assert!(Cache::open_existing(output.path()).unwrap().is_none());
}

/// An export of two sessions over one of one, in which a file is replaced when all are in their places.
/// The cache is kept, and the next export ends right: with the sessions of both.
fn replaced_at_verification(file: &str, sessions: u64, by: impl Fn(&Path) -> Vec<u8>) {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let path = output.path().join(file);
    let first = record(&["1"]);
    export_all(&lock, commit(&lock, &first, both("1", 1.0).into()), &first, false, &Unobserved).unwrap();
    let other = by(&path);
    let second = record(&["1", "2"]);
    let cache = commit(&lock, &second, both("2", 2.0).into());
    let disk = At(|step: &ExportStep| {
        if *step == ExportStep::Verification {
            fs::write(&path, &other).unwrap();
        }
    });
    let error = export_all(&lock, cache, &second, false, &disk).unwrap_err();
    assert!(
        matches!(&error, StoreError::NotVerified { path: named, .. } if *named == path),
        "{file}: {error}"
    );
    assert_eq!(Cache::open_existing(output.path()).unwrap().unwrap().units().unwrap().len(), 2, "{file}");
    let cache = commit(&lock, &second, Vec::new());
    let report = export_all(&lock, cache, &second, false, &Unobserved).unwrap();
    assert_eq!(report.manifest.n_sessions, sessions, "{file}");
}

/// A long table of these sessions, without its last rows.
fn long_table(subjects: &[&str], without: usize) -> Vec<u8> {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let asked = record(subjects);
    let units: Vec<_> = subjects.iter().flat_map(|subject| both(subject, 1.0)).collect();
    export_all(&lock, commit(&lock, &asked, units), &asked, false, &Unobserved).unwrap();
    let rows = read(&output.path().join("long/anatomical_gm.parquet"));
    let fewer = rows.slice(0, rows.num_rows() - without);
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, fewer.schema(), None).unwrap();
    writer.write(&fewer).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn a_long_table_in_which_a_session_lost_a_region_keeps_the_cache() {
    replaced_at_verification("long/anatomical_gm.parquet", 2, |_| long_table(&["1", "2"], 1));
}

#[test]
fn a_long_table_with_a_session_that_nobody_wrote_keeps_the_cache() {
    replaced_at_verification("long/anatomical_gm.parquet", 3, |_| long_table(&["1", "2", "3"], 0));
}

#[test]
fn a_feature_that_lost_a_session_keeps_the_cache() {
    replaced_at_verification("wide/anatomical/gm_mean.parquet", 2, |path| fs::read(path).unwrap());
    replaced_at_verification("wide/anatomical/tiv.parquet", 2, |path| fs::read(path).unwrap());
}

#[test]
fn metadata_sources_and_volumes_that_lost_rows_keep_the_cache() {
    for file in ["metadata.parquet", "sources.parquet", "tiv.parquet"] {
        replaced_at_verification(file, 2, |path| fs::read(path).unwrap());
    }
}

#[test]
fn at_every_step_each_file_is_whole_and_the_cache_is_there() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let first = record(&["1"]);
    export_all(&lock, commit(&lock, &first, both("1", 1.0).into()), &first, false, &Unobserved).unwrap();
    let second = record(&["1", "2"]);
    let cache = commit(&lock, &second, both("2", 2.0).into());
    let steps = Mutex::new(0);
    let reader = At(|_: &ExportStep| {
        *steps.lock().unwrap() += 1;
        assert_eq!(Cache::open_existing(output.path()).unwrap().unwrap().units().unwrap().len(), 2);
        assert!(output.path().join("manifest.json").is_file());
        for file in parquet_below(output.path()) {
            let rows = n_rows(&file);
            let per_session = if file.ends_with("long/diffusion/NODDI.parquet") {
                6
            } else if file.starts_with(output.path().join("long")) {
                3
            } else {
                1
            };
            if !file.ends_with("sources.parquet") {
                assert!([per_session, 2 * per_session].contains(&rows), "{} has {rows} rows", file.display());
            }
        }
    });
    export_all(&lock, cache, &second, false, &reader).unwrap();
    assert!(*steps.lock().unwrap() > 5);
    assert!(!Cache::path_in(output.path()).exists());
}

#[test]
fn an_export_that_is_stopped_leaves_the_cache_and_the_next_one_ends_right() {
    struct StopAt(usize, Mutex<usize>);
    impl ExportObserver for StopAt {
        fn step(&self, _: &ExportStep) {
            *self.1.lock().unwrap() += 1;
        }

        fn should_stop(&self) -> bool {
            *self.1.lock().unwrap() >= self.0
        }
    }
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let asked = record(&["1", "2"]);
    let units: Vec<_> = ["1", "2"].into_iter().flat_map(|subject| both(subject, 3.0)).collect();
    let mut cache = commit(&lock, &asked, units);
    for step in 1..=6 {
        let stopped = export_all(&lock, cache, &asked, true, &StopAt(step, Mutex::default()));
        assert!(matches!(stopped, Err(StoreError::Stopped)), "at step {step}: {stopped:?}");
        cache = commit(&lock, &asked, Vec::new());
        assert_eq!(cache.units().unwrap().len(), 4);
    }
    let report = export_all(&lock, cache, &asked, false, &Unobserved).unwrap();
    assert_eq!(report.manifest.n_sessions, 2);
    assert_eq!(n_rows(&output.path().join("long/diffusion/NODDI.parquet")), 12);
    assert_eq!(n_rows(&output.path().join("wide/anatomical/gm_mean.parquet")), 2);
}
