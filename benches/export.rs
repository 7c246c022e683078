//! From the cache to Parquet: long tables, features, manifest, verification.
#![allow(missing_docs, reason = "criterion's macros")]

use std::time::{Duration, Instant};

use bench_support::TISSUES;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use na_cache::{OwnedCache, OwnerLock};
use na_model::WideMetrics;
use na_store::{ExistingStore, ExportRequest, Unobserved, export};

fn benches(criterion: &mut Criterion) {
    const SESSIONS: usize = 50;
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    bench_support::load(folder.path(), SESSIONS, &TISSUES);
    let cache = std::fs::read(folder.path().join(".cache.db")).unwrap();
    let mut group = criterion.benchmark_group("export 50 sessions × 3 tables");
    group.sample_size(10).throughput(Throughput::Elements(SESSIONS as u64));
    // No feature, seven, and all: what is left is what the pivot costs.
    for metrics in ["none", "default", "all"] {
        group.bench_function(BenchmarkId::new("metrics", metrics), |bencher| {
            bencher.iter_custom(|n| {
                let mut taken = Duration::ZERO;
                for _ in 0..n {
                    let output = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
                    std::fs::write(output.path().join(".cache.db"), &cache).unwrap();
                    let lock = OwnerLock::acquire(output.path()).unwrap();
                    let mut record = bench_support::record(SESSIONS);
                    record.settings.wide_metrics = WideMetrics::parse(metrics);
                    let request = ExportRequest::new(record);
                    let start = Instant::now();
                    let opened = OwnedCache::open_or_create(&lock).unwrap();
                    export(
                        &lock,
                        &ExistingStore::open(lock.output()).unwrap(),
                        opened,
                        &request,
                        &Unobserved,
                    )
                    .unwrap();
                    taken += start.elapsed();
                }
                taken
            });
        });
    }
    group.finish();
}

criterion_group!(group, benches);
criterion_main!(group);
