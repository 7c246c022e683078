//! What a load spends on the cache: the same tables parsed and dropped, parsed and committed, and read back for the export.
//! A job without a cache would parse them and go on with what it holds: the cache adds the rest.
#![allow(missing_docs, reason = "criterion's macros")]

use std::path::Path;
use std::time::{Duration, Instant};

use bench_support::TISSUES;
use bench_support::table::{Content, text};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use na_cache::{EncodedTable, EncodedUnit, OwnedCache, OwnerLock, Writer};
use na_model::{Modality, TableName, Unit};
use na_pipeline::ParsedTable;
use na_pipeline::parse::regional_tsv::parse_table;
use rayon::prelude::*;

const UNITS: usize = 100;

fn parse(text: &str) -> ParsedTable {
    parse_table(Path::new("bench.tsv"), text.as_bytes()).unwrap()
}

fn unit(n: usize, texts: &[String]) -> EncodedUnit {
    let tables = TISSUES.iter().zip(texts).map(|(tissue, text)| {
        EncodedTable::encode(TableName::parse(tissue).unwrap(), None, &parse(text).batch).unwrap()
    });
    EncodedUnit {
        unit: Unit::of_parcellate(bench_support::session(n), Modality::Anatomical),
        read_at: na_model::ReadAt::now(),
        tiv: na_model::TivFinding::Measured(1500.0),
        tables: tables.collect(),
        sources: Vec::new(),
    }
}

fn committed(cache: &OwnedCache<'_>, texts: &[Vec<String>]) {
    let (writer, sender) = Writer::start(cache, |_| {}).unwrap();
    texts.par_iter().enumerate().for_each(|(n, texts)| sender.send(unit(n, texts)).unwrap());
    drop(sender);
    writer.finish().unwrap();
}

fn benches(criterion: &mut Criterion) {
    let texts: Vec<Vec<String>> = (0..UNITS as u64)
        .map(|n| (0..3).map(|tissue| text(&Content::anatomical(n * 3 + tissue))).collect())
        .collect();
    let mut group = criterion.benchmark_group("100 units of 3 tables of 456 × 57, all threads");
    group.sample_size(20).throughput(Throughput::Elements(3 * UNITS as u64));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| texts.par_iter().flatten().map(|text| parse(text).batch.num_rows()).sum::<usize>());
    });
    group.bench_function("parse, encode and commit", |bencher| {
        bencher.iter_custom(|n| {
            let mut taken = Duration::ZERO;
            for _ in 0..n {
                let output = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
                let lock = OwnerLock::acquire(output.path()).unwrap();
                let cache = OwnedCache::open_or_create(&lock).unwrap();
                let start = Instant::now();
                committed(&cache, &texts);
                taken += start.elapsed();
                cache.remove().unwrap();
            }
            taken
        });
    });
    let output = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    committed(&cache, &texts);
    let units = cache.units().unwrap();
    let tables: Vec<TableName> = TISSUES.iter().map(|tissue| TableName::parse(tissue).unwrap()).collect();
    group.bench_function("read back", |bencher| {
        bencher.iter(|| {
            let read =
                |unit| tables.iter().map(|table| cache.read_table(unit, table).unwrap().len()).sum::<usize>();
            units.par_iter().map(read).sum::<usize>()
        });
    });
    group.finish();
}

criterion_group!(group, benches);
criterion_main!(group);
