//! Whose a database is: what bears this program's mark may be written to and deleted, and nothing else.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction};

use crate::cancel::Cancel;
use crate::db::open::{files, known_version};
use crate::db::open_to_read::connect_to_read;
use crate::db::schema::{SCHEMA_VERSION, is_pandas};
use crate::error::CacheError;
use crate::read::cache::Cache;

/// `PRAGMA application_id` of a cache that this program writes: `naca`.
const APPLICATION_ID: i64 = 0x6e61_6361;

impl Cache {
    /// The files of an output folder's cache, whether they are there or not: the database first, which is deleted first.
    #[must_use]
    pub fn files_in(output: &Path) -> [PathBuf; 4] {
        files(&Self::path_in(output))
    }

    /// Refuses an output folder where something else lies in the cache's place: only a cache of this program, of
    /// whichever version, or of the pandas package is written to or deleted. Nothing is changed.
    ///
    /// # Errors
    /// [`CacheError::Link`]; [`CacheError::Foreign`]; a file that is no database; one that cannot be looked at.
    pub fn check_file(output: &Path) -> Result<(), CacheError> {
        let location = Self::path_in(output);
        match fs::symlink_metadata(&location) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(CacheError::io("look at", &location, source)),
            Ok(metadata) if metadata.is_symlink() => return Err(CacheError::Link { path: location }),
            Ok(metadata) if !metadata.is_file() => return Err(CacheError::Foreign { path: location }),
            // Made and not yet filled.
            Ok(metadata) if metadata.len() == 0 => return Ok(()),
            Ok(_) => {}
        }
        let (connection, _) = connect_to_read(&location, &Cancel::never())?;
        let is_known = is_own(&connection).and_then(|own| Ok(own || is_pandas(&connection)?));
        match is_known.map_err(|source| CacheError::sqlite(&location, source))? {
            true => Ok(()),
            false => known_version(&location, &connection).map(drop),
        }
    }
}

/// Commits tables with the marks of this program and version. All or nothing: a cache whose upgrade is cut short is one
/// of the version before.
pub(crate) fn commit_marked(transaction: Transaction<'_>) -> rusqlite::Result<()> {
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()
}

/// Whether a database is a cache of this program: it says so, has the tables of those that did not say it yet, or has
/// nothing in it.
pub(crate) fn is_own(connection: &Connection) -> rusqlite::Result<bool> {
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application != 0 {
        return Ok(application == APPLICATION_ID);
    }
    connection.query_row(
        "SELECT count(*) = 0 OR count(*) FILTER (WHERE type = 'table'
             AND name IN ('units', 'tables', 'column_sets', 'region_sets', 'listed_sessions')) = 5
         FROM sqlite_schema",
        [],
        |row| row.get(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::owner_lock::OwnerLock;
    use crate::write::owned_cache::OwnedCache;

    const FOREIGN: [&str; 4] = [
        "CREATE TABLE notes (text)",
        "CREATE TABLE notes (text); PRAGMA user_version = 2",
        "CREATE TABLE units (unit); CREATE TABLE tables (id); PRAGMA user_version = 3",
        "CREATE TABLE notes (text); PRAGMA user_version = 3; PRAGMA application_id = 252006674",
    ];

    /// An output whose cache's place holds a database.
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
        assert_eq!(application(&cache.connection().unwrap()), APPLICATION_ID);
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

    #[cfg(unix)]
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
}
