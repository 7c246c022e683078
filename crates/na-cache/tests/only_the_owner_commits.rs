//! An owner that lost the lock commits nothing more, whatever it was about to commit.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use na_cache::{
    Cache, CacheError, Cancel, Claim, EncodedUnit, LOCK_FILE, OwnedCache, OwnerLock, RunRecord, Writer,
    cache_status,
};
use na_model::{
    Compression, ExportSettings, Listing, Modality, ReadAt, Session, SubjectCode, TivFinding, Unit, UnitKind,
    UnitOutcome, UnitStatus, WideMetrics,
};

fn unit() -> Unit {
    Unit::of_parcellate(Session::new(SubjectCode::clean("7").unwrap(), None), Modality::Anatomical)
}

fn encoded() -> EncodedUnit {
    let tiv = TivFinding::Measured(1500.0);
    EncodedUnit { unit: unit(), read_at: ReadAt::now(), tiv, tables: Vec::new(), sources: Vec::new() }
}

fn record() -> RunRecord {
    let settings = ExportSettings {
        atlas_name: "A".into(),
        wide_metrics: WideMetrics::default(),
        compression: Compression::default(),
    };
    RunRecord::new(settings, Listing::default(), vec![UnitKind::of_parcellate(Modality::Anatomical)])
}

/// The results of everything that an owner writes to its cache.
fn write_all(cache: &OwnedCache<'_>) -> [Result<(), CacheError>; 3] {
    let (writer, sender) = Writer::start(cache, |_| {}).unwrap();
    let _ = sender.send(encoded());
    drop(sender);
    let outcome = UnitOutcome { unit: unit(), status: UnitStatus::Missing, reason: String::new() };
    [writer.finish(), cache.write_run_record(&record()), cache.write_outcomes(&[outcome])]
}

#[test]
fn an_owner_whose_lock_was_taken_over_commits_nothing_and_deletes_nothing() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    fs::write(output.path().join(LOCK_FILE), "17 other boot=b0 fs=nfs\n").unwrap();
    for result in write_all(&cache) {
        assert!(matches!(result, Err(CacheError::LockLost { .. })), "{result:?}");
    }
    let reader = Cache::open_existing(output.path()).unwrap().unwrap();
    assert_eq!(reader.units().unwrap(), []);
    assert_eq!(reader.run_record().unwrap(), None);
    assert_eq!(reader.outcomes().unwrap(), []);
    assert!(matches!(cache.remove(), Err(CacheError::LockLost { .. })));
    assert!(Cache::open_existing(output.path()).unwrap().is_some());
}

#[test]
fn whoever_hands_units_to_a_writer_that_failed_is_told() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    let (writer, sender) = Writer::start(&cache, |_| {}).unwrap();
    fs::write(output.path().join(LOCK_FILE), "17 other boot=b0 fs=nfs\n").unwrap();
    let refused = (0..10_000).find_map(|_| sender.send(encoded()).err());
    assert!(matches!(refused, Some(CacheError::WriterStopped)), "{refused:?}");
    assert!(sender.has_failed());
    drop(sender);
    assert!(matches!(writer.finish(), Err(CacheError::LockLost { .. })));
}

#[test]
fn an_owner_whose_lock_was_taken_over_makes_no_cache() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    fs::write(output.path().join(LOCK_FILE), "17 other boot=b0 fs=nfs\n").unwrap();
    let made = OwnedCache::open_or_create(&lock);
    assert!(matches!(made, Err(CacheError::LockLost { .. })), "{made:?}");
    assert!(Cache::open_existing(output.path()).unwrap().is_none(), "it has tables");
}

#[test]
fn a_status_does_not_wait_for_a_program_that_holds_the_cache_when_asked_to_stop() {
    let output = tempfile::tempdir().unwrap();
    let other = rusqlite::Connection::open(Cache::path_in(output.path())).unwrap();
    other.execute_batch("CREATE TABLE completed_sessions (subject_code TEXT); BEGIN EXCLUSIVE").unwrap();
    let asked = Arc::new(AtomicBool::new(true));
    let status = cache_status(output.path(), &Cancel::from(asked));
    assert!(matches!(status, Err(CacheError::Stopped)), "{status:?}");
}

#[test]
fn whoever_waits_for_a_program_that_holds_the_cache_stops_when_asked() {
    let output = tempfile::tempdir().unwrap();
    let asked = Arc::new(AtomicBool::new(false));
    let claim = Claim { cancel: Cancel::from(Arc::clone(&asked)), ..Claim::default() };
    let lock = OwnerLock::claim(output.path(), &claim).unwrap();
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    cache.write_run_record(&record()).unwrap();
    let other = rusqlite::Connection::open(Cache::path_in(output.path())).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let asks = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        asked.store(true, Ordering::Relaxed);
    });
    let began = Instant::now();
    for result in write_all(&cache) {
        assert!(matches!(result, Err(CacheError::Stopped)), "{result:?}");
    }
    assert!(matches!(OwnedCache::open_or_create(&lock), Err(CacheError::Stopped)));
    // Without cancellation each of them waits half a minute.
    assert!(began.elapsed() < Duration::from_secs(10));
    asks.join().unwrap();
    // When cancelled, it still commits what needs no wait.
    other.execute_batch("ROLLBACK").unwrap();
    write_all(&cache).into_iter().for_each(Result::unwrap);
    assert_eq!(cache.units().unwrap().len(), 1);
}
