//! One of the databases that a cache is read from, with the column and region sets that its tables share.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arrow_schema::SchemaRef;
use foldhash::HashMap;
use na_model::RegionSet;
use rusqlite::Connection;

use crate::db::database::Database;
use crate::db::files::CACHE_FILE;
use crate::error::CacheError;
use crate::format::column_set::columns_from_text;
use crate::read::cached_unit::{CachedUnit, by_session_and_kind};

/// A database with what was parsed of it.
#[derive(Debug, Clone)]
pub(crate) struct Book {
    pub(crate) database: Database,
    /// Whether it is a segment, and not the one that an owner writes to.
    pub(crate) is_segment: bool,
    columns: Sets<SchemaRef>,
    regions: Sets<RegionSet>,
    /// Of a segment, which nobody changes: once they are read.
    units: Arc<OnceLock<Vec<CachedUnit>>>,
}

impl Book {
    /// The database that its owner writes to.
    pub(crate) fn of_owner(database: Database) -> Self {
        let (columns, regions) = (Sets::default(), Sets::default());
        Self { database, is_segment: false, columns, regions, units: Arc::default() }
    }

    /// A segment. Sets that another book has are not parsed again.
    pub(crate) fn of_segment(database: Database, other: Option<&Self>) -> Self {
        let (columns, regions) =
            other.map(|other| (other.columns.elsewhere(), other.regions.elsewhere())).unwrap_or_default();
        Self { database, is_segment: true, columns, regions, units: Arc::default() }
    }

    /// All its units, by session and kind; `number` is its own among the books of its cache.
    pub(crate) fn units(&self, number: usize) -> Result<Vec<CachedUnit>, CacheError> {
        if let Some(known) = self.units.get() {
            return Ok(known.clone());
        }
        let units = by_session_and_kind(&self.database, number)?;
        Ok(if self.is_segment { self.units.get_or_init(|| units).clone() } else { units })
    }

    pub(crate) fn columns(&self, connection: &Connection, key: i64) -> Result<SchemaRef, CacheError> {
        let text = || self.text(connection, "SELECT columns FROM column_sets WHERE column_set = ?1", key);
        let parse = |text: &str| columns_from_text(text).ok_or_else(|| self.database.damaged(text));
        self.columns.get(key, text, parse)
    }

    pub(crate) fn regions(&self, connection: &Connection, key: i64) -> Result<RegionSet, CacheError> {
        let text = || self.text(connection, "SELECT regions FROM region_sets WHERE region_set = ?1", key);
        let parse = |text: &str| serde_json::from_str(text).map_err(|error| self.database.damaged(error));
        self.regions.get(key, text, parse)
    }

    fn text(&self, connection: &Connection, sql: &str, key: i64) -> Result<String, CacheError> {
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([key], |row| row.get(0)))
            .map_err(|source| self.database.sqlite(source))
    }
}

/// The book of this number.
///
/// # Errors
/// A number that a unit of another cache has.
pub(crate) fn book(books: &[Book], number: usize) -> Result<&Book, CacheError> {
    let no_such = || CacheError::damaged(Path::new(CACHE_FILE), "a unit is of another cache");
    books.get(number).ok_or_else(no_such)
}

/// Sets of one kind, each parsed once: thousands of tables share one, in one database as in many.
#[derive(Debug, Clone)]
struct Sets<T> {
    /// Of this database, by row.
    by_key: Arc<Mutex<HashMap<i64, T>>>,
    /// Of all databases.
    by_text: Arc<Mutex<HashMap<String, T>>>,
}

impl<T> Default for Sets<T> {
    fn default() -> Self {
        Self { by_key: Arc::default(), by_text: Arc::default() }
    }
}

impl<T: Clone> Sets<T> {
    /// The sets of another database.
    fn elsewhere(&self) -> Self {
        Self { by_key: Arc::default(), by_text: Arc::clone(&self.by_text) }
    }

    fn get(
        &self,
        key: i64,
        text: impl FnOnce() -> Result<String, CacheError>,
        parse: impl FnOnce(&str) -> Result<T, CacheError>,
    ) -> Result<T, CacheError> {
        if let Some(known) = locked(&self.by_key).get(&key) {
            return Ok(known.clone());
        }
        let text = text()?;
        let known = locked(&self.by_text).get(&text).cloned();
        let set = match known {
            Some(known) => known,
            None => parse(&text)?,
        };
        locked(&self.by_text).entry(text).or_insert_with(|| set.clone());
        locked(&self.by_key).insert(key, set.clone());
        Ok(set)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
