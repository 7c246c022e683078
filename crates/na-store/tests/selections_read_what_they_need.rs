//! Whoever asks for some subjects or some metrics of a long table touches the bytes of these alone: the rest may be damaged.

mod support;

use std::fs::{self, File};
use std::path::Path;

use arrow_array::{
    Array,
    cast::AsArray,
    types::{Float64Type, Int64Type},
};
use na_cache::OwnerLock;
use na_model::SubjectCode;
use na_store::{FeatureStore, Origin, ReadOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::ColumnChunkMetaData;
use support::four_loads::{Cohort, LONG, REGIONS, four_loads, gm, list, of_load, told, value};
use support::{commit, load};

/// Inverts a byte in the middle of these chunks, which are told by row group and column.
fn damage(output: &Path, is_damaged: impl Fn(usize, &str) -> bool) {
    let path = output.join(LONG);
    let mut bytes = fs::read(&path).unwrap();
    let file = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
    for (number, group) in file.metadata().row_groups().iter().enumerate() {
        let is_damaged = |chunk: &&ColumnChunkMetaData| is_damaged(number, &chunk.column_path().string());
        for chunk in group.columns().iter().filter(is_damaged) {
            let (start, length) = chunk.byte_range();
            bytes[usize::try_from(start + length / 2).unwrap()] ^= 0xff;
        }
    }
    fs::write(&path, bytes).unwrap();
}

fn code(subject: u32) -> SubjectCode {
    SubjectCode::clean(&subject.to_string()).unwrap()
}

/// Checks every row of some subjects.
#[track_caller]
fn check_rows(output: &Path, options: &ReadOptions, subjects: &[u32], cohort: &Cohort) {
    let store = FeatureStore::open(output).unwrap();
    let (_, batches) = store.scan_long_with("anatomical_gm", options).unwrap().read_all().unwrap();
    let mut rows = Vec::new();
    for batch in &batches {
        let column = |name: &str| batch[name].as_primitive::<Float64Type>().clone();
        let (mean, index, tiv) = (column("mean"), batch["index"].as_primitive::<Int64Type>(), column("tiv"));
        for row in 0..batch.num_rows() {
            let subject: u32 = batch["subject_code"].as_string::<i32>().value(row).parse().unwrap();
            let region = u32::try_from(index.value(row)).unwrap();
            let found = mean.is_valid(row).then(|| mean.value(row));
            assert_eq!(found, value(subject, cohort[&subject].version, 0, region), "{region} of {subject}");
            assert_eq!(tiv.value(row).to_bits(), cohort[&subject].tiv.to_bits());
            rows.push((subject, region));
        }
    }
    rows.sort_unstable();
    let mut subjects = subjects.to_vec();
    subjects.sort_unstable();
    let expected = subjects.iter().flat_map(|subject| (0..REGIONS).map(|region| (*subject, region)));
    assert!(rows.into_iter().eq(expected), "{subjects:?}");
}

#[test]
fn some_subjects_touch_their_row_groups_alone() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let mut cohort = four_loads(&lock);
    let of_second = of_load(1);
    // One alone, two apart, all of a row group.
    let selections = [vec![of_second[9]], vec![of_second[0], of_second[19]], of_second.clone()];
    let options = |subjects: &[u32]| ReadOptions::default().subjects(subjects.iter().copied().map(code));
    damage(output.path(), |group, _| group != 1);
    for subjects in &selections {
        check_rows(output.path(), &options(subjects), subjects, &cohort);
    }
    let store = FeatureStore::open(output.path()).unwrap();
    let other = options(&[of_load(2)[0]]);
    assert!(store.scan_long_with("anatomical_gm", &other).unwrap().read_all().is_err(), "the damage is real");
    // With a session in the cache that is newer, and one that the file does not have.
    let newer = of_second[3];
    cohort.get_mut(&newer).unwrap().version = 2;
    cohort.insert(90, told(90));
    let record = list(&cohort);
    drop(commit(&lock, &record, vec![gm(newer, &cohort[&newer]), gm(90, &cohort[&90])]));
    for subjects in [vec![of_second[9]], vec![newer, of_second[4]], vec![90], vec![90, newer, of_second[0]]] {
        check_rows(output.path(), &options(&subjects), &subjects, &cohort);
    }
    let exported = options(&[newer]).from(Origin::Parquet);
    cohort.get_mut(&newer).unwrap().version = 1;
    check_rows(output.path(), &exported, &[newer], &cohort);
}

#[test]
fn some_metrics_touch_their_columns_alone() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let cohort = four_loads(&lock);
    damage(output.path(), |_, column| column == "std");
    let all: Vec<u32> = cohort.keys().copied().collect();
    let mean = ReadOptions::default().metrics(["mean"]);
    check_rows(output.path(), &mean, &all, &cohort);
    check_rows(output.path(), &mean.clone().subjects([code(all[5])]), &all[5..6], &cohort);
    let store = FeatureStore::open(output.path()).unwrap();
    let std = ReadOptions::default().metrics(["std"]);
    assert!(store.scan_long_with("anatomical_gm", &std).unwrap().read_all().is_err(), "the damage is real");
}

#[test]
fn a_selection_of_a_file_without_an_index_is_the_same() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let cohort = four_loads(&lock);
    let path = output.path().join(LONG);
    let key = b"neuroalign.index";
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(key.len()).rposition(|window| window == key).unwrap();
    bytes[at] = b'?';
    fs::write(&path, bytes).unwrap();
    let subjects = [of_load(0)[1], of_load(2)[7]];
    check_rows(output.path(), &ReadOptions::default().subjects(subjects.map(code)), &subjects, &cohort);
    load(&lock, &list(&cohort), Vec::new());
    check_rows(output.path(), &ReadOptions::default().subjects(subjects.map(code)), &subjects, &cohort);
}
