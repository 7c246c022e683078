//! One feature and one long table of a store of 400 sessions: `FeatureStore` against Polars' reader of the same file.

use std::fs::File;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use na_store::{FeatureStore, ReadOptions};
use polars::prelude::{DataFrame, ParquetReader, SerReader};

const SESSIONS: usize = 400;

fn polars(path: &Path) -> DataFrame {
    ParquetReader::new(File::open(path).unwrap()).finish().unwrap()
}

fn benches(criterion: &mut Criterion) {
    let cached = tempfile::tempdir_in(".").unwrap();
    bench_support::load(cached.path(), SESSIONS, &bench_support::TISSUES);
    let exported = tempfile::tempdir_in(".").unwrap();
    bench_support::load(exported.path(), SESSIONS, &bench_support::TISSUES);
    bench_support::export_all(exported.path(), SESSIONS, false);
    let store = FeatureStore::open(exported.path()).unwrap();
    let options = ReadOptions::default().without_metadata();
    let wide = exported.path().join("wide/anatomical/gm_mean.parquet");
    let long = exported.path().join("long/anatomical_gm.parquet");
    assert_eq!(polars(&wide).shape(), store.load_feature("gm_mean", &options).unwrap().shape());
    assert_eq!(polars(&long).shape(), store.load_long("anatomical_gm").unwrap().shape());

    let mut group = criterion.benchmark_group("a feature of 400 sessions");
    group.sample_size(40);
    group.bench_function("Polars", |bencher| bencher.iter(|| polars(&wide)));
    group.bench_function("FeatureStore", |bencher| bencher.iter(|| store.load_feature("gm_mean", &options)));
    group.bench_function("Polars again", |bencher| bencher.iter(|| polars(&wide)));
    group.bench_function("FeatureStore again", |bencher| {
        bencher.iter(|| store.load_feature("gm_mean", &options));
    });
    let fallback = FeatureStore::open(cached.path()).unwrap();
    group.bench_function("FeatureStore through the cache", |bencher| {
        bencher.iter(|| fallback.load_feature("gm_mean", &options));
    });
    group.finish();

    let mut group = criterion.benchmark_group("a long table of 400 sessions");
    group.sample_size(10);
    group.bench_function("Polars", |bencher| bencher.iter(|| polars(&long)));
    group.bench_function("FeatureStore", |bencher| bencher.iter(|| store.load_long("anatomical_gm")));
    group.bench_function("FeatureStore through the cache", |bencher| {
        bencher.iter(|| fallback.load_long("anatomical_gm"));
    });
    group.finish();
}

criterion_group!(group, benches);
criterion_main!(group);
