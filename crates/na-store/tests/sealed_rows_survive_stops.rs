//! A part may become the file of its long table in an export that is stopped, and be written anew in the next one: its rows
//! stay with the cache until this goes.

mod support;

use na_cache::{OwnedCache, OwnerLock, RunRecord};
use na_model::Modality;
use na_store::{FeatureStore, Origin, ReadOptions, Unobserved, recover_parts};
use support::{StopAfter, commit, export_all, record, seal, unit};

/// More than an export of this looks whether to stop.
const LOOKS: usize = 12;

fn rows(store: &FeatureStore, origin: Origin) -> usize {
    let options = ReadOptions::default().from(origin);
    store.scan_long_with("anatomical_gm", &options).unwrap().map(|batch| batch.unwrap().num_rows()).sum()
}

#[test]
fn nothing_that_was_sealed_is_lost_by_exports_that_are_stopped_twice() {
    for fresh in [false, true] {
        for (first, second) in (0..LOOKS).flat_map(|first| (0..LOOKS).map(move |second| (first, second))) {
            let output = tempfile::tempdir().unwrap();
            let lock = OwnerLock::acquire(output.path()).unwrap();
            let record = RunRecord { fresh, ..record(&["1", "2"]) };
            let cache = commit(&lock, &record, vec![unit("1", Modality::Anatomical, 1.0)]);
            seal(&cache, &record, usize::MAX);
            drop(cache);
            let mut cache = Some(commit(&lock, &record, vec![unit("2", Modality::Anatomical, 2.0)]));
            for looks in [first, second] {
                let stopped = cache.take().unwrap();
                if export_all(&lock, stopped, &record, false, &StopAfter::looks(looks)).is_ok() {
                    break;
                }
                assert!(looks < LOOKS - 1, "an export looks more often whether to stop");
                assert_eq!(recover_parts(&lock).unwrap(), [], "fresh: {fresh}, {first}, {second}");
                cache = Some(OwnedCache::open_or_create(&lock).unwrap());
                let store = FeatureStore::open(output.path()).unwrap();
                // A fresh load is read as soon as its commit has begun.
                if !fresh || cache.as_ref().unwrap().commit_begun().unwrap().is_some() {
                    assert_eq!(rows(&store, Origin::Cache), 6, "fresh: {fresh}, {first}, {second}");
                }
            }
            if let Some(cache) = cache {
                export_all(&lock, cache, &record, false, &Unobserved).unwrap();
            }
            assert_eq!(rows(&FeatureStore::open(output.path()).unwrap(), Origin::Parquet), 6);
        }
    }
}
