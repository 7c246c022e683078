//! An open database: its connections, and queries whose errors name its file.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use rusqlite::{Connection, Row};

use crate::db::files::FilesAtRest;
use crate::db::immutable_files::{ImmutableFiles, ImmutableInUse};
use crate::db::pool::{Connections, InUse as PooledInUse};
use crate::db::schema::{SCHEMA_2, SCHEMA_3, SCHEMA_4, SCHEMA_5};
use crate::error::CacheError;

/// A database that is open. Clones share its connections.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    location: Arc<Path>,
    connections: Source,
    /// The schema that it was found with.
    version: i64,
    /// Present if it is read without locks.
    at_rest: Option<FilesAtRest>,
    /// Held by who writes.
    writing: Arc<Mutex<()>>,
}

/// Where connections come from.
#[derive(Debug, Clone)]
enum Source {
    Pool(Connections),
    /// Nobody changes the file.
    Immutable(ImmutableFiles),
}

/// A connection in use.
pub(crate) enum InUse {
    Pooled(PooledInUse),
    Immutable(ImmutableInUse),
}

impl Deref for InUse {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match self {
            Self::Pooled(connection) => connection,
            Self::Immutable(connection) => connection,
        }
    }
}

impl Database {
    pub(crate) fn new(
        location: &Path,
        connections: Connections,
        version: i64,
        at_rest: Option<FilesAtRest>,
    ) -> Self {
        let (location, connections) = (location.into(), Source::Pool(connections));
        Self { location, connections, version, at_rest, writing: Arc::default() }
    }

    /// A database that nobody changes, of a schema.
    pub(crate) fn immutable(location: Arc<Path>, files: &ImmutableFiles, version: i64) -> Self {
        let connections = Source::Immutable(files.clone());
        Self { location, connections, version, at_rest: None, writing: Arc::default() }
    }

    pub(crate) fn location(&self) -> &Path {
        &self.location
    }

    /// Whether it has schema 2, which only the owner upgrades.
    pub(crate) fn is_schema_2(&self) -> bool {
        self.version == SCHEMA_2
    }

    /// Whether it may have rows in parts. A database of an earlier schema has none.
    pub(crate) fn has_parts(&self) -> bool {
        self.version > SCHEMA_3
    }

    /// Whether it names the files of its parts. A database of schema 4 does not.
    pub(crate) fn names_parts(&self) -> bool {
        self.version > SCHEMA_4
    }

    /// The column with the kind of input of a unit or outcome. In a database of an earlier schema all are of `parcellate`.
    pub(crate) fn input_column(&self) -> &'static str {
        if self.version > SCHEMA_5 { "input" } else { "'parcellate'" }
    }

    /// Whether nobody wrote to it since it was opened without locks. With locks, always.
    pub(crate) fn is_undisturbed(&self) -> bool {
        self.at_rest.as_ref().is_none_or(FilesAtRest::is_undisturbed)
    }

    /// A connection of the pool. Who holds one must not ask for another: a snapshot has no second.
    pub(crate) fn connection(&self) -> Result<InUse, CacheError> {
        let pool = match &self.connections {
            Source::Pool(pool) => pool,
            Source::Immutable(files) => {
                let connection = files.connect(&self.location).map_err(|source| self.sqlite(source))?;
                return Ok(InUse::Immutable(connection));
            }
        };
        let connection = pool.get();
        let connection =
            connection.map_err(|source| CacheError::Pool { path: self.location.to_path_buf(), source })?;
        Ok(InUse::Pooled(connection))
    }

    /// Waits until no other thread of this program writes. SQLite would let each try again after a pause, and whoever commits most
    /// would leave no gap for the others.
    pub(crate) fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock()
    }

    /// The connections that nobody uses.
    pub(crate) fn idle_connections(&self) -> Vec<PooledInUse> {
        let Source::Pool(pool) = &self.connections else { return Vec::new() };
        (0..pool.state().idle_connections).filter_map(|_| pool.try_get()).collect()
    }

    /// The rows of a query without parameters.
    pub(crate) fn query<T>(
        &self,
        sql: &str,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, CacheError> {
        let connection = self.connection()?;
        let rows = connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_map([], read)?.collect::<rusqlite::Result<Vec<T>>>());
        rows.map_err(|source| match source {
            rusqlite::Error::FromSqlConversionFailure(_, _, error) => self.damaged(error),
            source => self.sqlite(source),
        })
    }

    /// The value of a setting. `None` if it is not set.
    pub(crate) fn setting(&self, key: &str) -> Result<Option<String>, CacheError> {
        let mut values =
            self.query(&format!("SELECT value FROM settings WHERE key = '{key}'"), |row| row.get(0))?;
        Ok(values.pop())
    }

    /// The value of a setting that is JSON; the default if it is not set.
    pub(crate) fn json_setting<T: Default + serde::de::DeserializeOwned>(
        &self,
        key: &str,
    ) -> Result<T, CacheError> {
        self.parse_json(self.setting(key)?.as_deref())
    }

    /// JSON of a setting; the default if the setting is absent, as in caches of earlier versions.
    pub(crate) fn parse_json<T: Default + serde::de::DeserializeOwned>(
        &self,
        text: Option<&str>,
    ) -> Result<T, CacheError> {
        let parsed = text.map(serde_json::from_str).transpose();
        Ok(parsed.map_err(|error| self.damaged(error))?.unwrap_or_default())
    }

    pub(crate) fn damaged(&self, problem: impl ToString) -> CacheError {
        CacheError::damaged(&self.location, problem)
    }

    pub(crate) fn sqlite(&self, source: rusqlite::Error) -> CacheError {
        CacheError::sqlite(&self.location, source)
    }
}

/// The version of the SQLite that reads and writes caches.
#[must_use]
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}
