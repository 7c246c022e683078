//! The cache in its owner's hands: everything that only the holder of the output's lock may do.
//!
//! Every method that writes fails with [`CacheError::LockLost`] once the lock is no longer its owner's, and with
//! [`CacheError::Stopped`] if it is cancelled while another program holds the database: nothing is committed then.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::path::Path;

use na_model::{Names, ReadAt, Removals, Session, UnitOutcome};
use rusqlite::Transaction;

use crate::db::busy::{begin, until_free};
use crate::db::database::Database;
use crate::db::files::{cache_path, filled, remove_files, taken_over_path};
use crate::db::open::{Journal, Owned, open_to_write};
use crate::db::secure_delete::{leave_no_trace, overwrite_deleted};
use crate::error::CacheError;
use crate::lock::owner_lock::OwnerLock;
use crate::read::cache::Cache;
use crate::read::export_commit::Commit;
use crate::read::run_record::RunRecord;
use crate::segment::listing::Segments;
use crate::write::new_seal::ReplacedPart;
use crate::write::withdraw::Withdrawal;
use crate::write::{export_commit, run_record};

/// A cache that may be written to. It reads like any [`Cache`].
#[derive(Debug, Clone)]
pub struct OwnedCache<'lock> {
    cache: Cache,
    /// The one that is written to.
    database: Database,
    /// Those whose units it has, too.
    segments: Segments,
    journal: Journal,
    lock: &'lock OwnerLock,
}

impl Deref for OwnedCache<'_> {
    type Target = Cache;

    fn deref(&self) -> &Cache {
        &self.cache
    }
}

impl<'lock> OwnedCache<'lock> {
    /// Opens the cache of the lock's output folder, or creates one.
    ///
    /// # Errors
    /// A file that is no cache or one of another version; a folder that cannot be written to; a full disk.
    pub fn open_or_create(lock: &'lock OwnerLock) -> Result<Self, CacheError> {
        let location = cache_path(lock.output());
        match Self::at(lock, &location)? {
            (cache, false) => Ok(cache),
            (cache, true) => {
                cache.remove()?;
                Ok(Self::at(lock, &location)?.0)
            }
        }
    }

    /// Ends the deletion of a cache that was cut short.
    ///
    /// # Errors
    /// As [`open_or_create`](Self::open_or_create).
    pub fn end_deletion(lock: &'lock OwnerLock) -> Result<(), CacheError> {
        let location = cache_path(lock.output());
        if filled(location.clone())?.is_none() {
            return Ok(());
        }
        match Self::at(lock, &location)? {
            (cache, true) => cache.remove(),
            _ => Ok(()),
        }
    }

    /// Creates an empty cache beside that of the output folder, for what is taken over from the latter.
    ///
    /// # Errors
    /// A folder that cannot be written to; a full disk.
    pub fn create_beside(lock: &'lock OwnerLock) -> Result<Self, CacheError> {
        let location = taken_over_path(lock.output());
        remove_files(&location)?;
        Ok(Self::at(lock, &location)?.0)
    }

    /// Opens a cache, and tells whether its deletion was cut short.
    fn at(lock: &'lock OwnerLock, location: &Path) -> Result<(Self, bool), CacheError> {
        let Owned { database, journal, is_let_go } = open_to_write(lock, location)?;
        let (cache, segments) = (Cache::new(database.clone()), Segments::default());
        Ok((Self { cache, database, segments, journal, lock }, is_let_go))
    }

    /// The same together with segments, whose units go with an export: `joined` is this cache with them
    /// ([`Cache::with_segments`]).
    #[must_use]
    pub fn joined_with(self, joined: Cache, segments: Segments) -> Self {
        Self { cache: joined, segments, ..self }
    }

    /// The segments whose units it has, too.
    #[must_use]
    pub fn segments(&self) -> &Segments {
        &self.segments
    }

    /// The database that is written to.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// The lock of whoever writes to the cache.
    #[must_use]
    pub fn lock(&self) -> &'lock OwnerLock {
        self.lock
    }

    /// The folder whose cache it is.
    #[must_use]
    pub fn output(&self) -> &'lock Path {
        self.lock.output()
    }

    /// Whether readers can open the cache meanwhile. Not on a file system without a write-ahead log.
    #[must_use]
    pub fn readers_can_join(&self) -> bool {
        self.journal == Journal::WriteAhead
    }

    /// Records what a run was asked to do, and deletes the outcomes of the one before.
    ///
    /// # Errors
    /// A cache that cannot be written.
    pub fn write_run_record(&self, record: &RunRecord) -> Result<(), CacheError> {
        self.write(|transaction| run_record::write(transaction, record, ReadAt::now()))
    }

    /// Records the missing and failed units of a run.
    ///
    /// # Errors
    /// A cache that cannot be written.
    pub fn write_outcomes(&self, outcomes: &[UnitOutcome]) -> Result<(), CacheError> {
        self.write(|transaction| run_record::write_outcomes(transaction, outcomes))
    }

    /// Records a commit of an export before its first rename.
    ///
    /// # Errors
    /// A cache that cannot be written.
    pub fn begin_commit(&self, commit: &Commit) -> Result<(), CacheError> {
        self.write(|transaction| export_commit::begin(transaction, commit))
    }

    /// Ends it in a cache that stays: what left the store leaves the cache, and the load is no longer a fresh one.
    ///
    /// # Errors
    /// A cache that cannot be written.
    pub fn end_commit(&self, removals: &Removals) -> Result<(), CacheError> {
        self.write(|transaction| export_commit::end(transaction, removals))
    }

    /// Deletes sessions, their lines in the list and their outcomes, and whatever names them in what is recorded of
    /// others, so that no byte of it is left in the files. `parts` are those that had rows of them. The cache records the number of
    /// lines of the list that named them.
    ///
    /// # Errors
    /// A cache that cannot be written.
    pub fn withdraw(
        &self,
        sessions: &BTreeSet<Session>,
        names: &Names,
        n_listed: u64,
        parts: &[ReplacedPart<'_>],
    ) -> Result<(), CacheError> {
        let database = &self.database;
        let withdrawal = Withdrawal::of(database, sessions, names, n_listed)?;
        self.write(|transaction| {
            overwrite_deleted(transaction)?;
            withdrawal.write(transaction)?;
            parts.iter().try_for_each(|part| part.write(transaction))
        })?;
        self.delete_empty_parts()?;
        let connection = database.connection()?;
        until_free(self.location(), self.lock.cancel(), || leave_no_trace(&connection))
    }

    /// Writes in one transaction, and commits it if the lock is still its owner's by then.
    pub(super) fn write(
        &self,
        write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), CacheError> {
        let database = &self.database;
        let connection = database.connection()?;
        let _writing = database.writing();
        let transaction = begin(&connection, self.location(), self.lock.cancel())?;
        write(&transaction).map_err(|source| database.sqlite(source))?;
        self.lock.ownership().check()?;
        transaction.commit().map_err(|source| database.sqlite(source))
    }
}
