//! A long remark of each session is in every row of its tables: that costs its length once, in memory and on disk.
#![cfg(target_os = "linux")]

mod support;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, Float64Array, RecordBatch, StringArray, cast::AsArray};
use na_cache::{EncodedUnit, OwnerLock, RunRecord};
use na_model::{Compression, ListedSession, Listing, Modality, TivFinding};
use na_store::{FeatureStore, LARGEST_TEXT};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use support::{load, record, session, unit_of};

const SESSIONS: usize = 75;
const REMARK: usize = 60_000;
const REGIONS: usize = 456;

/// Text that does not compress to nothing.
fn remark(session: usize, edition: usize) -> String {
    let mut text = String::with_capacity(REMARK + 16);
    let mut state = u64::try_from(session * 7 + edition).unwrap() + 1;
    while text.len() < REMARK {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        write!(text, "{state:016x}").unwrap();
    }
    text.truncate(REMARK);
    text
}

fn subject(session: usize) -> String {
    format!("{session:04}")
}

fn listing(edition: usize) -> RunRecord {
    let row = |place| ListedSession {
        session: session(&subject(place)),
        values: vec![Some(remark(place, if place == 0 { edition } else { 0 }))],
    };
    let listing = Listing {
        columns: vec!["remark".to_owned()],
        rows: (0..SESSIONS).map(row).collect(),
        ..Listing::default()
    };
    RunRecord { listing, ..record(&[]) }
}

fn unit(place: usize) -> EncodedUnit {
    unit_of_regions(place, REGIONS)
}

fn unit_of_regions(place: usize, regions: usize) -> EncodedUnit {
    let labels = (0..regions).map(|region| format!("region_{region}"));
    let batch = RecordBatch::try_from_iter([
        ("label", Arc::new(StringArray::from_iter_values(labels)) as _),
        ("mean", Arc::new(Float64Array::from(vec![1.5; regions])) as _),
    ]);
    let tables = vec![("anatomical_gm", None, batch.unwrap())];
    unit_of(&subject(place), Modality::Anatomical, tables, TivFinding::Kept)
}

/// The most memory that this process had since it was asked last, kB.
fn peak() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    fs::write("/proc/self/clear_refs", "5").unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// The remarks of a row group, bytes.
fn text_of(path: &Path, group: usize) -> usize {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let batches = builder.with_row_groups(vec![group]).with_batch_size(64).build().unwrap();
    let text = |batch: RecordBatch| -> usize {
        let remarks = batch.column_by_name("remark").unwrap().as_string::<i32>();
        remarks.iter().flatten().map(str::len).sum()
    };
    batches.map(|batch| text(batch.unwrap())).sum()
}

#[test]
fn a_remark_in_every_row_is_held_and_written_once() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    load(&lock, &record(&["9000"]), vec![unit(9000)]);
    peak();
    let before = peak();
    load(&lock, &listing(0), (0..SESSIONS).map(unit).collect());
    // Row by row it is 2 GB.
    let export = peak().saturating_sub(before);
    assert!(export < 150_000, "{export} kB for an export");
    load(&lock, &listing(1), Vec::new());
    let merge = peak().saturating_sub(before);
    assert!(merge < 150_000, "{merge} kB for a merge");

    let path = output.path().join("long/anatomical_gm.parquet");
    let size = fs::metadata(&path).unwrap().len();
    assert!(size < 8_000_000, "{size} bytes");
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
    let groups: Vec<i64> = reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
    assert!(groups.len() > SESSIONS / 3, "{groups:?}");
    for group in 0..groups.len() {
        let text = text_of(&path, group);
        assert!(text < LARGEST_TEXT, "{text} bytes of text in a row group");
    }
    assert!(groups.iter().all(|rows| rows % i64::try_from(REGIONS).unwrap() == 0), "{groups:?}");

    peak();
    let store = FeatureStore::open(output.path()).unwrap();
    let mut rows = 0;
    for batch in store.scan_long("anatomical_gm").unwrap() {
        let batch = batch.unwrap();
        let text = batch.column_by_name("remark").unwrap();
        assert!(text.get_array_memory_size() < 2 * LARGEST_TEXT);
        rows += batch.num_rows();
    }
    assert_eq!(rows, (SESSIONS + 1) * REGIONS);
    let scan = peak().saturating_sub(before);
    // A batch for each thread, and the one that is looked at.
    let threads = u64::try_from(std::thread::available_parallelism().unwrap().get()).unwrap();
    assert!(scan < 150_000 * (threads + 1), "{scan} kB for a scan");
}

#[test]
fn a_remark_of_each_of_many_small_tables_is_written_once_without_compression_too() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let mut record = listing(0);
    record.settings.compression = Compression::None;
    load(&lock, &record, (0..SESSIONS).map(|place| unit_of_regions(place, 8)).collect());
    let path = output.path().join("long/anatomical_gm.parquet");
    let size = usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
    assert!(size < SESSIONS * REMARK + 100_000, "{size} bytes");
}
