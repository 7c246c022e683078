//! A store or a cache with bytes that are not what was written: it is read, or refused. Nothing panics, and an export
//! that fails leaves the cache.
//!
//! `PROPTEST_CASES=10000 cargo test -p na-store --test damaged_files_are_refused` damages so often.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers may fail it")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use na_cache::{OwnedCache, OwnerLock};
use na_model::Modality;
use na_store::{CacheExport, ExportRequest, FeatureStore, ReadOptions, Unobserved, export};
use proptest::prelude::*;
use proptest::sample::Index;
use support::{commit, export_all, record, unit};

/// A store with two sessions in Parquet and one in the cache.
fn files() -> &'static Vec<(PathBuf, Vec<u8>)> {
    static FILES: OnceLock<Vec<(PathBuf, Vec<u8>)>> = OnceLock::new();
    FILES.get_or_init(|| {
        let output = tempfile::tempdir().unwrap();
        let lock = OwnerLock::acquire(output.path()).unwrap();
        let record = record(&["1", "2", "3"]);
        let units = ["1", "2"].map(|subject| unit(subject, Modality::Anatomical, 1.0));
        export_all(&lock, commit(&lock, &record, units.into()), &record, false, &Unobserved).unwrap();
        drop(commit(&lock, &record, vec![unit("3", Modality::Anatomical, 3.0)]));
        let mut files = Vec::new();
        read(output.path(), output.path(), &mut files);
        files.retain(|(path, _)| path != Path::new(".cache.lock"));
        files.sort();
        files
    })
}

fn read(root: &Path, folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(root, &path, files);
        } else {
            files.push((path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn whichever_byte_is_wrong(file in any::<Index>(), at in any::<Index>(), kind in 0..4u8, byte: u8) {
        let output = tempfile::tempdir().unwrap();
        let damaged = file.index(files().len());
        for (place, (path, bytes)) in files().iter().enumerate() {
            let mut bytes = bytes.clone();
            if place == damaged && !bytes.is_empty() {
                let at = at.index(bytes.len());
                match kind {
                    0 => bytes[at] ^= byte | 1,
                    1 => bytes.truncate(at),
                    2 => bytes[at..].fill(byte),
                    _ => bytes.insert(at, byte),
                }
            }
            let path = output.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let store = FeatureStore::open(output.path()).unwrap();
        let _ = store.summary();
        let _ = store.features_batch(&["gm_mean", "ct_mean"], &ReadOptions::default().with_tiv());
        let _ = store.scan_long("anatomical_gm").map(|scan| scan.read_all());
        let is_exported = store.export_cache(&CacheExport::default()).is_ok();
        prop_assert!(is_exported || output.path().join(".cache.db").exists());
        let lock = OwnerLock::acquire(output.path()).unwrap();
        if let Ok(cache) = OwnedCache::open_or_create(&lock) {
            let request = ExportRequest { record: record(&["1"]), outcomes: Vec::new(), keep_cache: true };
            let _ = export(&lock, Some(cache), &request, &Unobserved);
        }
    }
}
