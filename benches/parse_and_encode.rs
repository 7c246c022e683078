//! What a loading thread does with a table: bytes of a TSV → columns → the blob that is committed.
#![allow(missing_docs, reason = "criterion's macros")]

use std::hint::black_box;
use std::path::Path;

use bench_support::table::{Content, text};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use na_cache::EncodedTable;
use na_model::TableName;
use na_pipeline::parse::regional_tsv::parse_table;

fn benches(criterion: &mut Criterion) {
    let text = text(&Content::anatomical(1));
    let mut group = criterion.benchmark_group("table of 456 × 57");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| parse_table(Path::new("bench.tsv"), black_box(text.as_bytes())));
    });
    let parsed = bench_support::parsed(&Content::anatomical(1));
    let table = TableName::parse("anatomical_gm");
    group.bench_function("encode", |bencher| {
        bencher
            .iter(|| table.clone().map(|table| EncodedTable::encode(table, None, black_box(&parsed.batch))));
    });
    group.finish();
}

criterion_group!(group, benches);
criterion_main!(group);
