//! Whether a database is this program's: what bears its mark may be written to and deleted, and nothing else.

use std::path::Path;

use rusqlite::{Connection, Transaction};

use crate::db::schema::{
    SCHEMA_2, SCHEMA_3, SCHEMA_4, SCHEMA_5, SCHEMA_VERSION, is_empty, is_let_go, is_pandas,
};
use crate::error::CacheError;

/// `PRAGMA application_id` of a cache that this program writes: `naca`.
pub(crate) const APPLICATION_ID: i64 = 0x6e61_6361;

/// Commits tables with the marks of this program and version. All or nothing: a cache whose upgrade is cut short keeps
/// the version before.
pub(crate) fn commit_marked(transaction: Transaction<'_>) -> rusqlite::Result<()> {
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()
}

/// Whether a database is a cache of this program: it bears the mark, has the tables of the versions before the mark, or
/// is empty.
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

/// The schema version of a database that is this program's; an error if this program does not know the version.
pub(crate) fn known_version(location: &Path, connection: &Connection) -> Result<i64, CacheError> {
    let sqlite = |source| CacheError::sqlite(location, source);
    let path = location.to_owned();
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0));
    let found: i64 = version.map_err(sqlite)?;
    if [SCHEMA_2, SCHEMA_3, SCHEMA_4, SCHEMA_5, SCHEMA_VERSION].contains(&found) {
        return if is_own(connection).map_err(sqlite)? {
            Ok(found)
        } else {
            Err(CacheError::Foreign { path })
        };
    }
    if found == 0 && is_pandas(connection).map_err(sqlite)? {
        return Err(CacheError::OfPandas { path });
    }
    Err(CacheError::UnknownSchema { path, found, known: SCHEMA_VERSION })
}

/// As [`version_if_filled`]. `None` also for a cache that is being deleted.
pub(crate) fn version_if_held(location: &Path, connection: &Connection) -> Result<Option<i64>, CacheError> {
    let version = version_if_filled(location, connection)?;
    if version.is_none_or(|version| version < SCHEMA_4) {
        return Ok(version);
    }
    let is_let_go = is_let_go(connection).map_err(|source| CacheError::sqlite(location, source))?;
    Ok(version.filter(|_| !is_let_go))
}

/// As [`known_version`]. `None` if the owner has not created the tables yet.
pub(crate) fn version_if_filled(location: &Path, connection: &Connection) -> Result<Option<i64>, CacheError> {
    let empty = is_empty(connection).map_err(|source| CacheError::sqlite(location, source))?;
    if empty { Ok(None) } else { known_version(location, connection).map(Some) }
}
