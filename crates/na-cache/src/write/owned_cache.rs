//! The cache in its owner's hands: what only the holder of the output's lock may do.

use std::ops::Deref;
use std::path::PathBuf;

use na_model::UnitOutcome;
use rusqlite::{Transaction, params};

use crate::db::busy::begin;
use crate::db::open::{Journal, read_write, remove_files};
use crate::db::open_to_read::Opened;
use crate::db::schema::SCHEMA_VERSION;
use crate::error::CacheError;
use crate::lock::owner_lock::OwnerLock;
use crate::read::cache::{Cache, RunRecord};

/// Where a cache is made anew that takes another's place.
pub(crate) const BESIDE_FILE: &str = ".cache-taken-over.db";

/// A cache that may be written to. It reads like any [`Cache`].
#[derive(Debug, Clone)]
pub struct OwnedCache<'lock> {
    cache: Cache,
    pub(crate) journal: Journal,
    lock: &'lock OwnerLock,
}

impl Deref for OwnedCache<'_> {
    type Target = Cache;

    fn deref(&self) -> &Cache {
        &self.cache
    }
}

impl<'lock> OwnedCache<'lock> {
    /// Opens the cache of the output folder that is held, or makes one.
    ///
    /// # Errors
    /// A file that is no cache or one of another version; a folder that cannot be written to; a full disk.
    pub fn open_or_create(lock: &'lock OwnerLock) -> Result<Self, CacheError> {
        Self::at(lock, Cache::path_in(lock.output()))
    }

    /// Makes an empty cache beside the one of the output folder, for what is taken over from another.
    ///
    /// # Errors
    /// A folder that cannot be written to; a full disk.
    pub fn create_beside(lock: &'lock OwnerLock) -> Result<Self, CacheError> {
        let location = lock.output().join(BESIDE_FILE);
        remove_files(&location)?;
        Self::at(lock, location)
    }

    fn at(lock: &'lock OwnerLock, location: PathBuf) -> Result<Self, CacheError> {
        let (connections, journal) = read_write(lock, &location)?;
        let opened = Opened { connections, version: SCHEMA_VERSION, rest: None };
        let cache = Cache::new(location, opened);
        Ok(Self { cache, journal, lock })
    }

    /// The lock that lets it be written to.
    pub(crate) fn lock(&self) -> &'lock OwnerLock {
        self.lock
    }

    /// Writes in one transaction, if the lock is still its owner's when that ends.
    pub(crate) fn write(
        &self,
        write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), CacheError> {
        let sqlite = |source| CacheError::sqlite(self.location(), source);
        let connection = self.connection()?;
        let transaction = begin(&connection, self.location(), self.lock.cancel())?;
        write(&transaction).map_err(sqlite)?;
        self.lock.ownership().check()?;
        transaction.commit().map_err(sqlite)
    }

    /// Whether readers can look at it meanwhile: not where the file system has no write-ahead log.
    #[must_use]
    pub fn readers_can_join(&self) -> bool {
        self.journal == Journal::WriteAhead
    }

    /// Notes what a run was asked to do, and forgets the outcomes of the one before.
    ///
    /// # Errors
    /// A cache that cannot be written.
    pub fn write_run_record(&self, record: &RunRecord) -> Result<(), CacheError> {
        self.write(|transaction| write_record(transaction, record))
    }

    /// Notes the missing and failed units of a run.
    ///
    /// # Errors
    /// A cache that cannot be written.
    pub fn write_outcomes(&self, outcomes: &[UnitOutcome]) -> Result<(), CacheError> {
        self.write(|transaction| {
            transaction.execute("DELETE FROM outcomes", [])?;
            let mut insert = transaction.prepare("INSERT INTO outcomes VALUES (?1, ?2, ?3, ?4, ?5)")?;
            for outcome in outcomes {
                let session = &outcome.unit.session;
                insert.execute(params![
                    session.subject.as_str(),
                    session.id_str(),
                    outcome.unit.modality.as_str(),
                    outcome.status.as_str(),
                    outcome.reason
                ])?;
            }
            Ok(())
        })
    }
}

/// JSON of what is about to be committed: nothing is stored in its stead.
pub(crate) fn to_json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn write_record(transaction: &Transaction<'_>, record: &RunRecord) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "DELETE FROM settings; DELETE FROM metadata_columns; DELETE FROM listed_sessions; DELETE FROM outcomes;",
    )?;
    let modalities: Vec<&str> = record.modalities.iter().map(|modality| modality.as_str()).collect();
    for (key, value) in [
        ("atlas_name", record.settings.atlas_name.as_str()),
        ("wide_metrics", &record.settings.wide_metrics.to_text()),
        ("compression", record.settings.compression.as_str()),
        ("modalities", &modalities.join(",")),
        ("left_out", &to_json(&record.listing.left_out)?),
        ("choices", &to_json(&record.choices)?),
        ("roots", &to_json(&record.roots)?),
        ("asked", &to_json(&record.asked)?),
    ] {
        transaction.execute("INSERT INTO settings VALUES (?1, ?2)", [key, value])?;
    }
    if record.listing.found_by_folders {
        transaction.execute("INSERT INTO settings VALUES ('found_by_folders', '')", [])?;
    }
    if record.listing.unknown_age_unit {
        transaction.execute("INSERT INTO settings VALUES ('unknown_age_unit', '')", [])?;
    }
    if let Some(n) = record.n_listed_withdrawn {
        let n = n.to_string();
        transaction.execute("INSERT INTO settings VALUES ('knows_withdrawals', ?1)", [n])?;
    }
    if record.fresh {
        transaction.execute("INSERT INTO settings VALUES ('fresh', 'true')", [])?;
    }
    for name in &record.listing.columns {
        transaction.execute("INSERT INTO metadata_columns (name) VALUES (?1)", [name])?;
    }
    let mut insert = transaction
        .prepare("INSERT INTO listed_sessions (subject_code, session_id, metadata) VALUES (?1, ?2, ?3)")?;
    for row in &record.listing.rows {
        let metadata = to_json(&row.values)?;
        insert.execute(params![row.session.subject.as_str(), row.session.id_str(), metadata])?;
    }
    Ok(())
}
