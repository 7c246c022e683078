//! Connections to databases that nobody changes: segments.
//!
//! A store may have thousands, and a process may have few files open: only those that were used last stay open.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use parking_lot::{ArcMutexGuard, Mutex, RawMutex};
use rusqlite::{Connection, OpenFlags};
use rustix::process::{Resource, getrlimit};

use crate::db::pool::{READ_ONLY, immutable};

/// Connections that stay open, at least and at most: an eighth of the files that the process may have open.
const OPEN: (usize, usize) = (4, 2048);

/// Pages of 32 KiB that a connection keeps in memory: a table is read once, and there may be many connections.
const CACHED_PAGES: u32 = 4;

/// A connection in use.
pub(crate) type ImmutableInUse = ArcMutexGuard<RawMutex, Connection>;

/// The connections that some databases share. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct ImmutableFiles {
    /// The one that was used last is at the end.
    open: Arc<Mutex<VecDeque<Open>>>,
    most: usize,
}

impl Default for ImmutableFiles {
    fn default() -> Self {
        let limit = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok());
        let (least, most) = OPEN;
        let most = limit.map_or(most, |limit| (limit / 8).clamp(least, most));
        Self { open: Arc::default(), most }
    }
}

#[derive(Debug)]
struct Open {
    location: Arc<Path>,
    connection: Arc<Mutex<Connection>>,
}

impl ImmutableFiles {
    /// A connection to a file, which is opened if no connection to it is idle.
    pub(crate) fn connect(&self, location: &Arc<Path>) -> rusqlite::Result<ImmutableInUse> {
        if let Some(idle) = self.idle(location) {
            return Ok(idle);
        }
        let flags = READ_ONLY.union(OpenFlags::SQLITE_OPEN_URI);
        let connection = Connection::open_with_flags(immutable(location), flags)?;
        connection.pragma_update(None, "cache_size", CACHED_PAGES)?;
        let connection = Arc::new(Mutex::new(connection));
        let in_use = connection.lock_arc();
        let mut open = self.open.lock();
        open.push_back(Open { location: Arc::clone(location), connection });
        if open.len() > self.most {
            open.pop_front();
        }
        Ok(in_use)
    }

    fn idle(&self, location: &Arc<Path>) -> Option<ImmutableInUse> {
        let mut open = self.open.lock();
        let of_file = |of: &Open| Arc::ptr_eq(&of.location, location);
        let (index, in_use) = open
            .iter()
            .enumerate()
            .filter(|(_, of)| of_file(of))
            .find_map(|(index, of)| Some((index, of.connection.try_lock_arc()?)))?;
        let used_last = open.remove(index);
        open.extend(used_last);
        Some(in_use)
    }
}
