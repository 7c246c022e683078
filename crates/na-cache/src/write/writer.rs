//! The one thread that commits.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use na_model::{ReadAt, RegionSet, SourceFile, SourceKind, TivFinding, Unit};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::cancel::Cancel;
use crate::db::busy::begin;
use crate::error::CacheError;
use crate::format::column_set::columns_to_text;
use crate::lock::ownership::Ownership;
use crate::read::cache::{sources_of, tiv_finding, tiv_word};
use crate::write::encoded_unit::{EncodedTable, EncodedUnit};
use crate::write::owned_cache::OwnedCache;
use crate::write::owned_cache::to_json;

/// Units that may wait. More would be memory without gain: two loading threads fill it faster than it empties.
const QUEUE: usize = 4;

/// Units of one transaction at most: beyond it a sync costs nothing more, and units wait longer.
const LARGEST_BATCH: usize = 8;

/// Sets that are remembered: tables of one workflow have one or two of each.
const MOST_RECENT: usize = 32;

/// Commits units in the order they come, all that wait in one transaction. Dropped, it waits as [`Writer::finish`] does:
/// nothing is written to a cache after whoever holds its lock let go.
#[derive(Debug)]
pub struct Writer {
    thread: Option<JoinHandle<Result<(), CacheError>>>,
}

/// Where loading threads hand units to the [`Writer`]. Clone it for each.
#[derive(Debug, Clone)]
pub struct UnitSender {
    queue: SyncSender<EncodedUnit>,
    failed: Arc<AtomicBool>,
}

impl UnitSender {
    /// Hands a unit over; waits while the queue is full. The unit is safe when the writer's callback names it.
    ///
    /// # Errors
    /// [`CacheError::WriterStopped`] after a failed commit, which [`Writer::finish`] tells.
    pub fn send(&self, unit: EncodedUnit) -> Result<(), CacheError> {
        self.queue.send(unit).map_err(|_| CacheError::WriterStopped)
    }

    /// Whether a commit failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}

impl Writer {
    /// Starts the thread. `on_commit` is called for each unit after it is durable, in order.
    ///
    /// # Errors
    /// A cache without a free connection; a machine without a free thread.
    pub fn start(
        cache: &OwnedCache<'_>,
        on_commit: impl FnMut(&Unit) + Send + 'static,
    ) -> Result<(Self, UnitSender), CacheError> {
        let (queue, waiting) = sync_channel(QUEUE);
        let failed = Arc::new(AtomicBool::new(false));
        let connection = cache.connection()?;
        let path = cache.location().to_owned();
        let (ownership, cancel) = (cache.lock().ownership().clone(), cache.lock().cancel().clone());
        let sender = UnitSender { queue, failed: Arc::clone(&failed) };
        let thread = std::thread::Builder::new()
            .name("cache-writer".to_owned())
            .spawn(move || {
                let mut commits = Commits {
                    path,
                    ownership,
                    cancel,
                    columns: Recent(VecDeque::new()),
                    regions: Recent(VecDeque::new()),
                };
                let result = commits.run(&connection, &waiting, on_commit);
                failed.store(result.is_err(), Ordering::Relaxed);
                result
            })
            .map_err(|source| CacheError::io("start the writer of", cache.location(), source))?;
        Ok((Self { thread: Some(thread) }, sender))
    }

    /// Waits until every unit that was sent is committed. All senders must be gone.
    ///
    /// # Errors
    /// The commit that failed; what was committed before it is safe. [`CacheError::Stopped`] if that was asked for while
    /// another program held the cache.
    pub fn finish(mut self) -> Result<(), CacheError> {
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(Ok(Err(error))) = self.thread.take().map(JoinHandle::join) {
            tracing::warn!(%error, "a commit failed");
        }
    }
}

struct Commits {
    path: PathBuf,
    ownership: Ownership,
    cancel: Cancel,
    columns: Recent<SchemaRef>,
    regions: Recent<RegionSet>,
}

/// Sets that were stored last, with their keys: what all sessions have in common is not even looked up again.
struct Recent<T>(VecDeque<(T, i64)>);

impl<T: Clone + PartialEq> Recent<T> {
    fn key(&mut self, set: &T, store: impl FnOnce() -> rusqlite::Result<i64>) -> rusqlite::Result<i64> {
        if let Some((_, key)) = self.0.iter().find(|(known, _)| known == set) {
            return Ok(*key);
        }
        let key = store()?;
        self.0.truncate(MOST_RECENT - 1);
        self.0.push_front((set.clone(), key));
        Ok(key)
    }
}

impl Commits {
    fn run(
        &mut self,
        connection: &Connection,
        waiting: &Receiver<EncodedUnit>,
        mut on_commit: impl FnMut(&Unit),
    ) -> Result<(), CacheError> {
        let mut batch = Vec::with_capacity(LARGEST_BATCH);
        while let Ok(first) = waiting.recv() {
            batch.push(first);
            batch.extend(waiting.try_iter().take(LARGEST_BATCH - 1));
            self.commit(connection, &batch)?;
            batch.drain(..).for_each(|unit| on_commit(&unit.unit));
        }
        Ok(())
    }

    /// The instant at which units become durable.
    fn commit(&mut self, connection: &Connection, batch: &[EncodedUnit]) -> Result<(), CacheError> {
        let transaction = begin(connection, &self.path, &self.cancel)?;
        let written = batch.iter().try_for_each(|unit| self.write_unit(&transaction, unit));
        written.map_err(|source| CacheError::sqlite(&self.path, source))?;
        self.ownership.check()?;
        transaction.commit().map_err(|source| CacheError::sqlite(&self.path, source))
    }

    /// Writes a unit. Tables of it that the cache has and that were not read now stay, with the files they are from.
    fn write_unit(&mut self, transaction: &Transaction<'_>, unit: &EncodedUnit) -> rusqlite::Result<()> {
        let session = &unit.unit.session;
        let modality = unit.unit.modality.as_str();
        let earlier = UnitRow::of(transaction, &unit.unit)?;
        let read_at = earlier.as_ref().map_or(unit.read_at, |earlier| unit.read_at.after(earlier.read_at));
        let mut sources = unit.sources.clone();
        sources.iter_mut().for_each(|source| source.read_at = read_at);
        let mut tiv = unit.tiv;
        if let Some(earlier) = &earlier {
            let mut stay: Vec<SourceFile> =
                earlier.sources.iter().filter(|source| stays(source, unit)).cloned().collect();
            match tiv {
                TivFinding::Kept => tiv = earlier.tiv,
                _ => stay.iter_mut().for_each(|source| source.tiv = None),
            }
            sources.append(&mut stay);
            // The index allows one of them.
            transaction
                .prepare_cached("UPDATE units SET input = 'replaced' WHERE unit = ?1")?
                .execute([earlier.key])?;
        }
        let (finding, volume) = tiv_word(tiv);
        let key = transaction
            .prepare_cached(
                "INSERT INTO units (subject_code, session_id, modality, tiv, sources, committed_at, tiv_finding, read_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, strftime('%Y-%m-%dT%H:%M:%fZ'), ?6, ?7)",
            )?
            .insert(params![
                session.subject.as_str(),
                session.id_str(),
                modality,
                volume,
                to_json(&sources)?,
                finding,
                read_at.0,
            ])?;
        unit.tables.iter().try_for_each(|table| self.write_table(transaction, key, read_at, table))?;
        if let Some(earlier) = earlier {
            transaction
                .prepare_cached(
                    "UPDATE tables SET unit = ?2 WHERE unit = ?1 AND NOT EXISTS (
                         SELECT 1 FROM tables AS new WHERE new.unit = ?2 AND new.table_name = tables.table_name
                         AND new.model IS tables.model AND new.param IS tables.param AND new.\"desc\" IS tables.\"desc\")",
                )?
                .execute([earlier.key, key])?;
            transaction.prepare_cached("DELETE FROM units WHERE unit = ?1")?.execute([earlier.key])?;
        }
        Ok(())
    }

    fn write_table(
        &mut self,
        transaction: &Transaction<'_>,
        unit: i64,
        read_at: ReadAt,
        table: &EncodedTable,
    ) -> rusqlite::Result<()> {
        let column_set = self.columns.key(&table.columns, || {
            store_set(
                transaction,
                "column_set",
                "columns",
                &columns_to_text(&table.columns).map_err(not_storable)?,
            )
        })?;
        let region_set = self.regions.key(&table.regions, || {
            store_set(transaction, "region_set", "regions", &to_json(&table.regions)?)
        })?;
        let map = table.map.as_ref();
        transaction
            .prepare_cached(
                "INSERT INTO tables
                     (unit, table_name, model, param, \"desc\", n_rows, column_set, region_set, data, read_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                unit,
                table.table.to_string(),
                map.map(|map| &map.model),
                map.map(|map| &map.param),
                map.map(|map| &map.desc),
                i64::try_from(table.n_rows).unwrap_or(i64::MAX),
                column_set,
                region_set,
                table.data,
                read_at.0,
            ])?;
        Ok(())
    }
}

/// What the cache has of a unit, beside its tables.
pub(crate) struct UnitRow {
    pub(crate) key: i64,
    read_at: ReadAt,
    tiv: TivFinding,
    pub(crate) sources: Vec<SourceFile>,
}

impl UnitRow {
    /// None if the unit is not in the cache.
    pub(crate) fn of(transaction: &Transaction<'_>, unit: &Unit) -> rusqlite::Result<Option<Self>> {
        let session = &unit.session;
        let row = transaction
            .prepare_cached(
                "SELECT unit, read_at, tiv_finding, tiv, sources FROM units
                 WHERE subject_code = ?1 AND ifnull(session_id, '') = ifnull(?2, '') AND modality = ?3
                 AND input = 'parcellate'",
            )?
            .query_row(params![session.subject.as_str(), session.id_str(), unit.modality.as_str()], |row| {
                let tiv = tiv_finding(row.get_ref(2)?.as_str()?, row.get(3)?);
                let (key, read_at) = (row.get(0)?, ReadAt(row.get(1)?));
                Ok(Self { key, read_at, tiv, sources: sources_of(row, 4)? })
            });
        row.optional()
    }
}

/// Whether a file that was read before still says something beside what a unit was read from now.
fn stays(source: &SourceFile, unit: &EncodedUnit) -> bool {
    if source.kind == SourceKind::Tiv {
        return unit.tiv == TivFinding::Kept && unit.sources.iter().all(|new| new.path != source.path);
    }
    let is_read_again =
        |table: &EncodedTable| source.table_name().as_ref() == Some(&table.table) && source.map == table.map;
    !unit.tables.iter().any(is_read_again)
}

fn not_storable(error: ArrowError) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
}

/// The key of a text that is stored once.
fn store_set(transaction: &Transaction<'_>, name: &str, column: &str, text: &str) -> rusqlite::Result<i64> {
    let stored = transaction
        .prepare_cached(&format!("SELECT {name} FROM {name}s WHERE {column} = ?1"))?
        .query_row([text], |row| row.get(0))
        .optional()?;
    match stored {
        Some(key) => Ok(key),
        None => {
            transaction.prepare_cached(&format!("INSERT INTO {name}s ({column}) VALUES (?1)"))?.insert([text])
        }
    }
}
