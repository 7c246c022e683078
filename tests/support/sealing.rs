//! Cohorts whose loads seal, and what they leave.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::cohort::Cohort;
use super::files::{PART, all_below};
use super::store::Store;

pub const SESSIONS: usize = 12;

/// The rows of two sessions.
pub const SEALED: [&str; 2] = ["--sealed-at-once", "8"];

pub fn subject(place: usize) -> String {
    format!("{place:04}")
}

pub fn cohort_of(places: impl Iterator<Item = usize>) -> Cohort {
    let names: Vec<String> = places.map(subject).collect();
    Cohort::of(&names.iter().map(|name| (name.as_str(), "1")).collect::<Vec<_>>())
}

/// Lists these subjects, each with a session.
pub fn list(cohort: &Cohort, subjects: &[String]) {
    cohort.list_of(&subjects.iter().map(|name| (name.as_str(), "1")).collect::<Vec<_>>());
}

pub fn parts(store: &Path) -> Vec<PathBuf> {
    let is_part = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(PART);
    all_below(store).into_iter().filter(is_part).collect()
}

/// A load that was cut short before its export, when most of its rows were sealed.
pub fn cut_short(cohort: &Cohort, arguments: &[&str]) -> PathBuf {
    let store = cohort.store();
    cohort.run_stopped_at("long/anatomical_gm.parquet", &[&SEALED[..], arguments].concat());
    assert!(parts(&store).len() >= 3 && sealed_units(&store) >= SESSIONS - 2);
    store
}

pub fn sealed_units(store: &Path) -> usize {
    let cache = Connection::open(store.join(".cache.db")).unwrap();
    let sql = "SELECT count(DISTINCT unit) FROM tables WHERE seal IS NOT NULL";
    let sealed: i64 = cache.query_row(sql, [], |row| row.get(0)).unwrap();
    usize::try_from(sealed).unwrap()
}

/// The store of a load that seals nothing.
pub fn unsealed(cohort: &Cohort) -> Store {
    let output = cohort.path("unsealed");
    let _ = fs::remove_dir_all(&output);
    cohort.run(&["-o", "unsealed"]).ended(0);
    Store::read(&output)
}

pub fn assert_whole(cohort: &Cohort, expected: &Store) {
    Store::read(&cohort.store()).assert_same(expected);
    assert_eq!(parts(&cohort.store()), [""; 0].map(PathBuf::from));
    assert!(!cohort.store().join(".cache.db").exists());
}
