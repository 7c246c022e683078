//! Reading a store of 400 sessions: out of Parquet, through the cache's database, and through the parts beside it.
#![allow(missing_docs, reason = "criterion's macros")]

use bench_support::TISSUES;
use criterion::{Criterion, criterion_group, criterion_main};
use na_store::{FeatureStore, ReadOptions};

fn benches(criterion: &mut Criterion) {
    const SESSIONS: usize = 400;
    let cached = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    bench_support::load(cached.path(), SESSIONS, &TISSUES);
    let sealed = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    bench_support::load(sealed.path(), SESSIONS, &TISSUES);
    bench_support::seal(sealed.path(), SESSIONS);
    let exported = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    bench_support::load(exported.path(), SESSIONS, &TISSUES);
    bench_support::export_all(exported.path(), SESSIONS, false);
    let mut group = criterion.benchmark_group("read");
    group.sample_size(20);
    for (from, folder) in [("parquet", &exported), ("the cache", &cached), ("parts", &sealed)] {
        let store = FeatureStore::open(folder.path()).unwrap();
        let options = ReadOptions::default();
        group.bench_function(format!("a long table from {from}"), |bencher| {
            bencher.iter(|| store.scan_long("anatomical_gm").unwrap().read_all().unwrap());
        });
        group.bench_function(format!("a feature from {from}"), |bencher| {
            bencher.iter(|| store.feature_batch("gm_mean", &options).unwrap());
        });
    }
    group.finish();
}

criterion_group!(group, benches);
criterion_main!(group);
