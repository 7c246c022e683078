//! What the cache costs a session: the writer's time for a unit that is encoded, until it is durable.
//!
//! `two loaders` is the real case: units wait while a transaction is synced, and the next one takes all that wait.
//! `alone` is a unit that waits for its own sync. `in memory` is two loaders where a sync costs nothing: what is left is
//! SQLite's own work.
#![allow(missing_docs, reason = "criterion's macros")]

use std::path::Path;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use bench_support::TISSUES;
use bench_support::table::REGIONS;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use na_cache::{EncodedTable, EncodedUnit, OwnedCache, OwnerLock, Writer};

/// Different units that are committed again and again, as sessions of their own.
const UNITS: usize = 16;

fn units(tissues: &[&str], regions: usize) -> Vec<EncodedUnit> {
    (0..UNITS).map(|n| bench_support::unit(n, tissues, regions)).collect()
}

fn numbered(unit: &EncodedUnit, n: usize) -> EncodedUnit {
    let mut unit = unit.clone();
    unit.unit.session = bench_support::session(n);
    unit
}

/// The time from the first unit to the last commit.
fn two_loaders(output: &Path, units: &[EncodedUnit], n: u64) -> Duration {
    let lock = OwnerLock::acquire(output).unwrap();
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    let n = usize::try_from(n).unwrap();
    let ready: Vec<EncodedUnit> = (0..n).map(|place| numbered(&units[place % UNITS], place)).collect();
    let (first, second) = ready.split_at(n / 2);
    let start = Instant::now();
    let (writer, sender) = Writer::start(&cache, |_| {}).unwrap();
    std::thread::scope(|scope| {
        for half in [first, second] {
            let sender = sender.clone();
            scope.spawn(move || half.iter().for_each(|unit| sender.send(unit.clone()).unwrap()));
        }
    });
    drop(sender);
    writer.finish().unwrap();
    let taken = start.elapsed();
    cache.remove().unwrap();
    taken
}

/// The time in which each unit is sent when the one before is durable.
fn alone(output: &Path, units: &[EncodedUnit], n: u64) -> Duration {
    let lock = OwnerLock::acquire(output).unwrap();
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    let (acknowledge, acknowledged) = channel();
    let (writer, sender) = Writer::start(&cache, move |_| acknowledge.send(()).unwrap()).unwrap();
    let mut taken = Duration::ZERO;
    for place in 0..usize::try_from(n).unwrap() {
        let unit = numbered(&units[place % UNITS], place);
        let start = Instant::now();
        sender.send(unit).unwrap();
        acknowledged.recv().unwrap();
        taken += start.elapsed();
    }
    drop(sender);
    writer.finish().unwrap();
    cache.remove().unwrap();
    taken
}

fn benches(criterion: &mut Criterion) {
    let disk = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let memory = tempfile::tempdir_in("/dev/shm").ok();
    let mut group = criterion.benchmark_group("commit a unit");
    group.sample_size(20).measurement_time(Duration::from_secs(8));
    for (tables, regions) in [(1, REGIONS), (2, REGIONS), (3, REGIONS), (3, 100), (3, 1000)] {
        let units = units(&TISSUES[..tables], regions);
        let bytes: usize = units.iter().flat_map(|unit| &unit.tables).map(EncodedTable::size).sum();
        group.throughput(Throughput::Bytes((bytes / UNITS) as u64));
        let size = format!("{tables} of {regions} × 57");
        group.bench_function(BenchmarkId::new("two loaders", &size), |bencher| {
            bencher.iter_custom(|n| two_loaders(disk.path(), &units, n));
        });
        group.bench_function(BenchmarkId::new("alone", &size), |bencher| {
            bencher.iter_custom(|n| alone(disk.path(), &units, n));
        });
        if let Some(memory) = &memory {
            group.bench_function(BenchmarkId::new("in memory", &size), |bencher| {
                bencher.iter_custom(|n| two_loaders(memory.path(), &units, n));
            });
        }
    }
    group.finish();
}

criterion_group!(group, benches);
criterion_main!(group);
