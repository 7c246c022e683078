//! Whatever is wrong with a cache, a reader leaves it as it is.

#[path = "../../../tests/support/files.rs"]
mod files;

use std::fs;
use std::path::Path;

use files::contents_below;
use na_cache::{CACHE_FILE, Cache, CacheError, OwnedCache, OwnerLock};
use rusqlite::Connection;

fn read(output: &Path) -> [CacheError; 2] {
    [Cache::open_existing(output).unwrap_err(), Cache::snapshot(output).unwrap_err()]
}

#[test]
fn a_file_that_is_no_database_is_told_and_left_as_it_is() {
    let output = tempfile::tempdir().unwrap();
    let cache = output.path().join(CACHE_FILE);
    let words = "no database at all, but long enough to be looked at as one ".repeat(50);
    // Cut in its header, in its first page, and with a page that says nothing of what it is.
    for content in [words.as_bytes(), &words.as_bytes()[..10], &[0; 4096]] {
        fs::write(&cache, content).unwrap();
        let before = contents_below(output.path());
        for error in read(output.path()) {
            assert!(matches!(error, CacheError::Damaged { .. }), "{error}");
        }
        assert!(contents_below(output.path()) == before);
    }
    // Opening it for writing would delete the log beside it.
    fs::write(output.path().join(format!("{CACHE_FILE}-wal")), &words).unwrap();
    let before = contents_below(output.path());
    for error in read(output.path()) {
        assert!(matches!(error, CacheError::Damaged { .. }), "{error}");
    }
    let after = contents_below(output.path());
    assert!(before.iter().all(|(name, bytes)| after.get(name) == Some(bytes)), "{:?}", after.keys());
}

#[test]
fn a_database_with_neither_a_version_nor_the_pandas_package_s_tables_is_of_no_known_schema() {
    let output = tempfile::tempdir().unwrap();
    let foreign = Connection::open(output.path().join(CACHE_FILE)).unwrap();
    foreign.execute_batch("CREATE TABLE notes (text)").unwrap();
    drop(foreign);
    let before = contents_below(output.path());
    for error in read(output.path()) {
        assert!(matches!(error, CacheError::UnknownSchema { found: 0, .. }), "{error}");
    }
    assert!(contents_below(output.path()) == before);
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let error = OwnedCache::open_or_create(&lock).unwrap_err();
    assert!(matches!(error, CacheError::UnknownSchema { found: 0, .. }), "{error}");
    drop(lock);
    assert!(contents_below(output.path()) == before);
}

#[test]
fn a_commit_that_was_cut_short_is_taken_back_by_a_reader_that_may() {
    let output = tempfile::tempdir().unwrap();
    drop(OwnedCache::open_or_create(&OwnerLock::acquire(output.path()).unwrap()).unwrap());
    let cache = output.path().join(CACHE_FILE);
    let other = Connection::open(&cache).unwrap();
    other.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA cache_size = 2; BEGIN").unwrap();
    // So much that pages go to the file before the commit.
    for n in 0..500 {
        other
            .execute("INSERT INTO settings VALUES (?1, hex(zeroblob(20000)))", [format!("unfinished {n}")])
            .unwrap();
    }
    let copy = tempfile::tempdir().unwrap();
    files::copy(output.path(), copy.path());
    assert!(copy.path().join(format!("{CACHE_FILE}-journal")).exists());
    let reader = Cache::open_existing(copy.path()).unwrap().unwrap();
    assert_eq!(reader.units().unwrap(), []);
    let journal = fs::metadata(copy.path().join(format!("{CACHE_FILE}-journal")));
    assert!(journal.is_err(), "the journal is rolled back, and not passed over");
    let check = Connection::open(copy.path().join(CACHE_FILE)).unwrap();
    let left: i64 = check.query_row("SELECT count(*) FROM settings", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}
