//! The column sets of a cache, each parsed once.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_schema::SchemaRef;
use foldhash::HashMap;
use rusqlite::Connection;

use crate::db::database::Database;
use crate::error::CacheError;
use crate::format::column_set::columns_from_text;

/// Column sets by their row: thousands of tables share one.
#[derive(Debug, Clone, Default)]
pub(crate) struct ColumnSets(Arc<Mutex<HashMap<i64, SchemaRef>>>);

impl ColumnSets {
    pub(crate) fn get(
        &self,
        database: &Database,
        connection: &Connection,
        key: i64,
    ) -> Result<SchemaRef, CacheError> {
        let parsed = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(schema) = parsed().get(&key) {
            return Ok(Arc::clone(schema));
        }
        let text: String = connection
            .query_row("SELECT columns FROM column_sets WHERE column_set = ?1", [key], |row| row.get(0))
            .map_err(|source| database.sqlite(source))?;
        let schema = columns_from_text(&text).ok_or_else(|| database.damaged(&text))?;
        parsed().insert(key, Arc::clone(&schema));
        Ok(schema)
    }
}
