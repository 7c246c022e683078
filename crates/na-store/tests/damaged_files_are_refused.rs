//! A store or a cache with bytes that are not what was written: it is read, or refused by an error that names the file.
//! Nothing panics, and an export that fails leaves the cache.

#[path = "../../../tests/support/files.rs"]
mod files;
mod support;

use std::fs::{self, File};
use std::ops::Range;
use std::path::Path;

use files::{all_below, name_under};
use na_cache::{OwnedCache, OwnerLock};
use na_model::Modality;
use na_store::{
    CacheExport, ExistingStore, ExportRequest, FeatureStore, ReadOptions, SourceDetail, StoreError,
    Unobserved, export, export_cache,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::RowGroupMetaData;
use support::{commit, export_all, record, unit};
use tempfile::TempDir;

/// Bits that are turned in each byte, one after the other: the highest, the lowest, all.
const PATTERNS: [u8; 3] = [0x80, 0x01, 0xff];

/// A store with two sessions in Parquet.
fn exported() -> TempDir {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let record = record(&["1", "2"]);
    let units = ["1", "2"].map(|subject| unit(subject, Modality::Anatomical, 1.0));
    export_all(&lock, commit(&lock, &record, units.into()), &record, false, &Unobserved).unwrap();
    output
}

/// The same and a third session in the cache.
fn exported_and_cached() -> TempDir {
    let output = exported();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let third = vec![unit("3", Modality::Anatomical, 3.0)];
    drop(commit(&lock, &record(&["1", "2", "3"]), third));
    output
}

/// The files of a store with their bytes, but its lock.
fn files(store: &Path) -> Vec<(String, Vec<u8>)> {
    let files = all_below(store).into_iter().map(|path| (name_under(store, &path), fs::read(path).unwrap()));
    files.filter(|(name, _)| name != ".cache.lock").collect()
}

fn copy_of(store: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for (name, bytes) in files(store) {
        let path = copy.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    copy
}

/// Where the values of a Parquet file are: all but its footer.
fn pages_of(path: &Path) -> Range<usize> {
    let read = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let chunks = read.metadata().row_groups().iter().flat_map(RowGroupMetaData::columns);
    let ends = chunks.map(|chunk| chunk.byte_range()).map(|(start, length)| start + length);
    4..usize::try_from(ends.max().unwrap()).unwrap()
}

/// Turns bits of each byte of a file, one byte at a time, and reads it. In a page no wrong byte is overlooked: it may decode to
/// other values.
fn each_byte(file: &str, read: impl Fn(&Path) -> Vec<Result<(), StoreError>> + Sync) {
    let whole = exported();
    let bytes = fs::read(whole.path().join(file)).unwrap();
    let pages = pages_of(&whole.path().join(file));
    assert!(read(whole.path()).iter().all(Result::is_ok));
    let refused = |places: Range<usize>| {
        // A feature of another store's table would be computed.
        let store = copy_of(whole.path());
        let path = store.path().join(file);
        let mut refused = 0;
        for (place, pattern) in places.flat_map(|place| PATTERNS.map(|pattern| (place, pattern))) {
            let mut damaged = bytes.clone();
            damaged[place] ^= pattern;
            fs::write(&path, damaged).unwrap();
            let outcomes = read(store.path());
            let is_refused = outcomes.iter().any(Result::is_err);
            assert!(
                is_refused || !pages.contains(&place),
                "byte {place} of {file} ^ {pattern:#x} is not noticed"
            );
            for outcome in outcomes {
                if let Err(error) = outcome {
                    let names = error.to_string().contains(path.to_str().unwrap());
                    assert!(names, "byte {place} of {file} ^ {pattern:#x}: {error}");
                    refused += 1;
                }
            }
        }
        refused
    };
    let refused: usize = std::thread::scope(|scope| {
        let half = bytes.len() / 2;
        let halves = [0..half, half..bytes.len()].map(|places| scope.spawn(|| refused(places)));
        halves.into_iter().map(|half| half.join().unwrap()).sum()
    });
    assert!(refused > 0, "nothing of {file} is ever refused");
}

#[test]
fn each_byte_of_a_long_table() {
    each_byte("long/anatomical_gm.parquet", |output| {
        let store = FeatureStore::open(output).unwrap();
        let scan = store.scan_long("anatomical_gm").and_then(|scan| scan.read_all());
        let rows = |(_, batches): (_, Vec<arrow_array::RecordBatch>)| {
            assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 6);
        };
        vec![scan.map(rows), store.regions("anatomical_gm").map(drop)]
    });
}

#[test]
fn each_byte_of_a_feature() {
    each_byte("wide/anatomical/gm_mean.parquet", |output| {
        let store = FeatureStore::open(output).unwrap();
        let feature = store.feature_batch("gm_mean", &ReadOptions::default().without_metadata());
        vec![feature.map(|batch| assert_eq!(batch.num_rows(), 2)), store.feature_info("gm_mean").map(drop)]
    });
}

#[test]
fn each_byte_of_the_volumes() {
    each_byte("tiv.parquet", |output| vec![FeatureStore::open(output).unwrap().tiv_batch().map(drop)]);
}

#[test]
fn each_byte_of_the_metadata() {
    each_byte("metadata.parquet", |output| {
        vec![FeatureStore::open(output).unwrap().metadata_batch().map(drop)]
    });
}

#[test]
fn each_byte_of_the_sources() {
    each_byte("sources.parquet", |output| {
        vec![
            ExistingStore::open(output)
                .and_then(|store| store.for_each_unit(SourceDetail::Sidecars, |_| Ok::<(), StoreError>(()))),
        ]
    });
}

/// What is done to a file.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Turned,
    Cut,
    Filled,
    Longer,
}

/// Reads and exports a store of which one file is damaged in one place; whatever comes of it, the cache's units are there.
#[test]
fn whichever_file_is_damaged_the_cache_is_exported_or_kept() {
    let whole = exported_and_cached();
    let all = files(whole.path());
    for (place, (file, bytes)) in all.iter().enumerate() {
        for (kind, damage) in
            [Damage::Turned, Damage::Cut, Damage::Filled, Damage::Longer].into_iter().enumerate()
        {
            // From each file's beginning to its end, each kind of damage at places of its own.
            let n_places = 3;
            for step in 0..n_places {
                let at =
                    (bytes.len() * (4 * step + kind) / (4 * n_places)).min(bytes.len().saturating_sub(1));
                let output = tempfile::tempdir().unwrap();
                for (other, (path, bytes)) in all.iter().enumerate() {
                    let mut bytes = bytes.clone();
                    if other == place && !bytes.is_empty() {
                        match damage {
                            Damage::Turned => bytes[at] ^= 0x80,
                            Damage::Cut => bytes.truncate(at),
                            Damage::Filled => bytes[at..].fill(0xff),
                            Damage::Longer => bytes.insert(at, 0),
                        }
                    }
                    let path = output.path().join(path);
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, bytes).unwrap();
                }
                read_and_export(output.path(), &format!("{damage:?} at {at} of {file}"));
            }
        }
    }
}

fn read_and_export(output: &Path, what: &str) {
    let store = FeatureStore::open(output).unwrap();
    let _ = store.summary();
    let _ = store.features_batch(&["gm_mean", "ct_mean"], &ReadOptions::default().with_tiv());
    let _ = store.scan_long("anatomical_gm").map(|scan| scan.read_all());
    let is_exported = export_cache(store.folder(), &CacheExport::default(), &Unobserved).is_ok();
    assert!(is_exported || output.join(".cache.db").exists(), "{what}");
    let lock = OwnerLock::acquire(output).unwrap();
    if let Ok(cache) = OwnedCache::open_or_create(&lock) {
        let request = ExportRequest { keep_cache: true, ..ExportRequest::new(record(&["1"])) };
        let _ = ExistingStore::open(lock.output())
            .and_then(|store| export(&lock, &store, cache, &request, &Unobserved));
    }
}
