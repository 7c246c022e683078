//! What the owner finds and leaves when it opens a cache.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use rusqlite::Connection;

use crate::db::application_id::{APPLICATION_ID, version_if_filled};
use crate::db::busy::PATIENCE;
use crate::db::files::CACHE_FILE;
use crate::db::open_to_read::connect_at_rest;
use crate::db::recovery::delete_strays;
use crate::db::schema::SCHEMA_VERSION;
use crate::error::CacheError;
use crate::lock::owner_lock::OwnerLock;
use crate::read::cache::Cache;
use crate::write::owned_cache::OwnedCache;

const FOREIGN: [&str; 4] = [
    "CREATE TABLE notes (text)",
    "CREATE TABLE notes (text); PRAGMA user_version = 2",
    "CREATE TABLE units (unit); CREATE TABLE tables (id); PRAGMA user_version = 3",
    "CREATE TABLE notes (text); PRAGMA user_version = 3; PRAGMA application_id = 252006674",
];

/// An output with a database under the cache's name.
fn with(sql: &str) -> tempfile::TempDir {
    let output = tempfile::tempdir().unwrap();
    Connection::open(Cache::path_in(output.path())).unwrap().execute_batch(sql).unwrap();
    output
}

#[test]
fn another_program_s_database_is_never_written_to() {
    for sql in FOREIGN {
        let output = with(sql);
        let before = fs::read(Cache::path_in(output.path())).unwrap();
        let lock = OwnerLock::acquire(output.path()).unwrap();
        for error in [
            Cache::check_file(output.path()).unwrap_err(),
            Cache::open_existing(output.path()).unwrap_err(),
            OwnedCache::open_or_create(&lock).unwrap_err(),
        ] {
            assert!(error.to_string().contains("move it away"), "{sql}: {error}");
        }
        assert!(fs::read(Cache::path_in(output.path())).unwrap() == before, "{sql}");
    }
}

#[test]
fn a_cache_says_whose_it_is_and_one_that_does_not_is_known_by_its_tables() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    let application = |connection: &Connection| -> i64 {
        connection.pragma_query_value(None, "application_id", |row| row.get(0)).unwrap()
    };
    assert_eq!(application(&cache.database().connection().unwrap()), APPLICATION_ID);
    drop(cache);
    let unmarked = Connection::open(Cache::path_in(output.path())).unwrap();
    unmarked.execute_batch("PRAGMA application_id = 0").unwrap();
    Cache::check_file(output.path()).unwrap();
    drop(OwnedCache::open_or_create(&lock).unwrap());
    // One of a later version is this program's all the same.
    unmarked.execute_batch("PRAGMA user_version = 99").unwrap();
    Cache::check_file(output.path()).unwrap();
}

#[test]
fn nothing_an_empty_file_and_a_cache_of_the_pandas_package_are_no_hindrance() {
    let output = tempfile::tempdir().unwrap();
    Cache::check_file(output.path()).unwrap();
    fs::write(Cache::path_in(output.path()), "").unwrap();
    Cache::check_file(output.path()).unwrap();
    let output = with("CREATE TABLE completed_sessions (subject_code TEXT)");
    Cache::check_file(output.path()).unwrap();
    let files = Cache::files_in(output.path());
    assert!(files.first().is_some_and(|first| *first == Cache::path_in(output.path())));
}

#[test]
fn a_link_in_the_cache_s_place_is_not_followed() {
    let (output, elsewhere) = (tempfile::tempdir().unwrap(), with(FOREIGN[0]));
    let target = Cache::path_in(elsewhere.path());
    std::os::unix::fs::symlink(&target, Cache::path_in(output.path())).unwrap();
    let before = fs::read(&target).unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    for error in
        [Cache::check_file(output.path()).unwrap_err(), OwnedCache::open_or_create(&lock).unwrap_err()]
    {
        assert!(matches!(error, CacheError::Link { .. }), "{error}");
    }
    assert!(fs::read(&target).unwrap() == before);
}

#[test]
fn a_cache_that_another_program_locks_is_an_error_and_keeps_its_journal() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    drop(OwnedCache::open_or_create(&lock).unwrap());
    let other = Connection::open(Cache::path_in(output.path())).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = OwnedCache::open_or_create(&lock).unwrap_err();
    assert!(matches!(error, CacheError::Locked { .. }), "{error}");
    // If it goes away meanwhile, whoever waited long enough has the log, and never a journal instead.
    let goes_away = std::thread::spawn(move || {
        std::thread::sleep(PATIENCE + PATIENCE / 2);
        other.execute_batch("ROLLBACK").unwrap();
    });
    if let Ok(cache) = OwnedCache::open_or_create(&lock) {
        assert!(cache.readers_can_join());
    }
    goes_away.join().unwrap();
    assert!(OwnedCache::open_or_create(&lock).unwrap().readers_can_join());
}

#[test]
fn a_cache_at_rest_is_read_whatever_its_folder_is_called_and_noticed_when_it_is_written_to() {
    let root = tempfile::tempdir().unwrap();
    for name in [OsStr::new("a ?b#c%20é&=x"), OsStr::from_bytes(b"no\xFFtext")] {
        let output = root.path().join(name);
        fs::create_dir(&output).unwrap();
        let lock = OwnerLock::acquire(&output).unwrap();
        drop(OwnedCache::open_or_create(&lock).unwrap());
        let location = Cache::path_in(&output);
        let (connection, at_rest) = connect_at_rest(&location).unwrap();
        assert_eq!(version_if_filled(&location, &connection).unwrap(), Some(SCHEMA_VERSION));
        assert!(at_rest.is_undisturbed());
        let _owner = OwnedCache::open_or_create(&lock).unwrap().write_outcomes(&[]);
        assert!(!at_rest.is_undisturbed());
    }
}

#[test]
fn whoever_takes_the_output_clears_what_a_power_cut_left_of_a_cache() {
    let output = tempfile::tempdir().unwrap();
    let left = [
        ".cache.db-wal",
        ".cache.db-shm",
        ".cache.db-journal",
        ".cache-taken-over.db",
        ".cache-taken-over.db-wal",
        ".cache.lock-left-host-17",
    ];
    left.iter().for_each(|name| fs::write(output.path().join(name), "health data").unwrap());
    drop(OwnerLock::acquire(output.path()).unwrap());
    assert_eq!(fs::read_dir(output.path()).unwrap().count(), 0);
}

#[test]
fn the_log_of_a_cache_that_is_there_stays() {
    let output = tempfile::tempdir().unwrap();
    let lock = OwnerLock::acquire(output.path()).unwrap();
    let cache = OwnedCache::open_or_create(&lock).unwrap();
    cache.write_outcomes(&[]).unwrap();
    let log = output.path().join(format!("{CACHE_FILE}-wal"));
    let bytes = fs::read(&log).unwrap();
    assert!(!bytes.is_empty());
    delete_strays(output.path()).unwrap();
    assert!(fs::read(&log).unwrap() == bytes);
    drop(cache);
    assert!(Cache::open_existing(output.path()).unwrap().is_some());
}
