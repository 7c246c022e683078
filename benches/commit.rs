//! What the cache costs a session: the writer's time for a unit that is encoded, until it is durable.
//!
//! `two loaders` is the real case: units wait while a transaction is synced, and the next one takes all that wait.
//! `alone` is a unit that waits for its own sync.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "criterion's macros; benches may stop"
)]

mod support;

use std::path::Path;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use na_cache::{EncodedUnit, OwnedCache, OwnerLock, Writer};
use support::TISSUES;

/// Different units that are committed again and again, as sessions of their own.
const UNITS: usize = 16;

fn units(tissues: &[&str]) -> Vec<EncodedUnit> {
    (0..UNITS).map(|n| support::unit(n, tissues)).collect()
}

fn numbered(unit: &EncodedUnit, n: usize) -> EncodedUnit {
    let mut unit = unit.clone();
    unit.unit.session = support::session(n);
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
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut group = criterion.benchmark_group("commit a unit");
    group.sample_size(20).measurement_time(Duration::from_secs(8));
    for tables in 1..=3 {
        let units = units(&TISSUES[..tables]);
        group.bench_function(BenchmarkId::new("two loaders, tables", tables), |bencher| {
            bencher.iter_custom(|n| two_loaders(folder.path(), &units, n));
        });
        group.bench_function(BenchmarkId::new("alone, tables", tables), |bencher| {
            bencher.iter_custom(|n| alone(folder.path(), &units, n));
        });
    }
    group.finish();
}

criterion_group!(group, benches);
criterion_main!(group);
