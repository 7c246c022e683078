//! The pool of connections to a cache.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use r2d2::{ManageConnection, Pool, PooledConnection};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;

use crate::error::CacheError;

/// Connections that are shared.
pub(crate) type Connections = Pool<Manager>;

/// A connection in use.
pub(crate) type InUse = PooledConnection<Manager>;

/// Where a pool's connections come from.
#[derive(Debug)]
pub(crate) enum Manager {
    /// They are opened when they are needed.
    File(SqliteConnectionManager),
    /// There is one, open already: what it holds, a lock or the instant of its transaction, no other would have.
    Open(Mutex<Option<Connection>>),
}

impl Manager {
    /// A pool of at most so many connections.
    pub(crate) fn pool(
        self,
        location: &Path,
        size: u32,
        timeout: Duration,
    ) -> Result<Connections, CacheError> {
        Pool::builder()
            .max_size(size)
            .min_idle(Some(0))
            .max_lifetime(None)
            .idle_timeout(None)
            .test_on_check_out(false)
            .connection_timeout(timeout)
            .build(self)
            .map_err(|source| CacheError::Pool { path: location.to_owned(), source })
    }
}

impl ManageConnection for Manager {
    type Connection = Connection;
    type Error = rusqlite::Error;

    fn connect(&self) -> rusqlite::Result<Connection> {
        match self {
            Self::File(manager) => manager.connect(),
            Self::Open(slot) => {
                let connection = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
                connection.ok_or_else(|| rusqlite::Error::InvalidPath("there is one connection".into()))
            }
        }
    }

    fn is_valid(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        connection.execute_batch("")
    }

    fn has_broken(&self, _: &mut Connection) -> bool {
        false
    }
}
