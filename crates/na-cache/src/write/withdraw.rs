//! Taking sessions out of a cache so that no byte of them is left in its files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use na_model::{Names, Session, SourceRoot};
use rusqlite::{Connection, Transaction, params};

use crate::db::busy::{begin, until_free};
use crate::db::open::{READ_WRITE, connect};
use crate::error::CacheError;
use crate::legacy::pandas_cache::{Written, as_written, session as pandas_session};
use crate::lock::owner_lock::OwnerLock;
use crate::read::cache::Cache;
use crate::read::cache::{session, sources_of};
use crate::write::owned_cache::OwnedCache;
use crate::write::owned_cache::to_json;

/// Where the roots of the run stand.
const ROOTS: &str = "roots";

impl Cache {
    /// All sessions that it names: of its units, of the list of its run, and of that run's outcomes.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn mentioned_sessions(&self) -> Result<BTreeSet<Session>, CacheError> {
        let sessions = self.query(
            "SELECT subject_code, session_id FROM units UNION SELECT subject_code, session_id FROM listed_sessions
             UNION SELECT subject_code, session_id FROM outcomes",
            session,
        )?;
        Ok(sessions.into_iter().collect())
    }

    /// Whether what is known of a unit's files, an outcome or a root has one of these names.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn is_named_in(&self, names: &Names) -> Result<bool, CacheError> {
        let units = self
            .query("SELECT sources FROM units", |row| Ok(names.take_out_of_all(&mut sources_of(row, 0)?)))?;
        if units.contains(&true) {
            return Ok(true);
        }
        let mut roots: BTreeMap<SourceRoot, PathBuf> = self.parsed(self.setting(ROOTS)?.as_deref())?;
        Ok(names.take_out_of_roots(&mut roots)
            || self.outcomes()?.iter_mut().any(|outcome| names.leave_untold(&mut outcome.reason)))
    }
}

impl OwnedCache<'_> {
    /// Takes sessions out, with their place in the list and the outcomes, and what is told of others and names them.
    ///
    /// # Errors
    /// A cache that cannot be written.
    pub fn withdraw(&self, sessions: &BTreeSet<Session>, names: &Names) -> Result<(), CacheError> {
        let mut outcomes = self.outcomes()?;
        outcomes.retain(|outcome| !sessions.contains(&outcome.unit.session));
        for outcome in &mut outcomes {
            names.leave_untold(&mut outcome.reason);
        }
        let mut roots: BTreeMap<SourceRoot, PathBuf> = self.parsed(self.setting(ROOTS)?.as_deref())?;
        let roots = names.take_out_of_roots(&mut roots).then_some(roots);
        let connection = self.connection()?;
        overwrite_what_is_deleted(&connection)
            .map_err(|source| CacheError::sqlite(self.location(), source))?;
        drop(connection);
        self.write(|transaction| {
            ["units", "listed_sessions"].iter().try_for_each(|table| delete(transaction, table, sessions))?;
            if let Some(roots) = &roots {
                transaction
                    .execute("UPDATE settings SET value = ?2 WHERE key = ?1", [ROOTS, &to_json(roots)?])?;
            }
            take_out_names(transaction, names)
        })?;
        self.write_outcomes(&outcomes)?;
        let connection = self.connection()?;
        let cancel = self.lock().cancel();
        until_free(self.location(), cancel, || leave_no_trace(&connection))
    }
}

/// Takes sessions out of a cache that the pandas package left, however it writes their identifiers.
///
/// # Errors
/// A cache that cannot be read or written.
pub fn withdraw_from_pandas_cache(lock: &OwnerLock, sessions: &BTreeSet<Session>) -> Result<(), CacheError> {
    let location = Cache::path_in(lock.output());
    let sqlite = |source| CacheError::sqlite(&location, source);
    let connection = connect(&location, READ_WRITE)?;
    overwrite_what_is_deleted(&connection).map_err(sqlite)?;
    let transaction = begin(&connection, &location, lock.cancel())?;
    withdraw_rows(&transaction, sessions).map_err(sqlite)?;
    lock.ownership().check()?;
    transaction.commit().map_err(sqlite)?;
    until_free(&location, lock.cancel(), || leave_no_trace(&connection))
}

/// Every table with these columns is one of sessions: the package has one for each tissue and workflow. One that has
/// subjects alone is cleared of each who has a session that goes.
fn withdraw_rows(transaction: &Transaction<'_>, sessions: &BTreeSet<Session>) -> rusqlite::Result<()> {
    let mut tables = transaction.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND EXISTS (
             SELECT 1 FROM pragma_table_info(sqlite_schema.name) WHERE name = 'subject_code')",
    )?;
    let tables = tables.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    for table in tables {
        let table = format!("\"{}\"", table.replace('"', "\"\""));
        let has_sessions = transaction.prepare(&format!("SELECT session_id FROM {table}")).is_ok();
        let subject = as_written("subject_code");
        let id = if has_sessions { as_written("session_id") } else { "NULL".to_owned() };
        let mut written = transaction.prepare(&format!("SELECT DISTINCT {subject}, {id} FROM {table}"))?;
        let written = written
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<Vec<Written>>>()?;
        let is_withdrawn = |written: &&Written| {
            pandas_session(written).is_ok_and(|session| match has_sessions {
                true => sessions.contains(&session),
                false => sessions.iter().any(|gone| gone.subject == session.subject),
            })
        };
        for (code, session) in written.iter().filter(is_withdrawn) {
            transaction.execute(
                &format!("DELETE FROM {table} WHERE {subject} IS ?1 AND {id} IS ?2"),
                params![code, session],
            )?;
        }
    }
    Ok(())
}

fn delete(transaction: &Transaction<'_>, table: &str, sessions: &BTreeSet<Session>) -> rusqlite::Result<()> {
    let sql = format!("DELETE FROM {table} WHERE subject_code = ?1 AND session_id IS ?2");
    let mut delete = transaction.prepare(&sql)?;
    sessions
        .iter()
        .try_for_each(|session| delete.execute(params![session.subject.as_str(), session.id_str()]).map(drop))
}

/// Takes the names out of what is known of the others' files.
fn take_out_names(transaction: &Transaction<'_>, names: &Names) -> rusqlite::Result<()> {
    let mut units = transaction.prepare("SELECT unit FROM units")?;
    let mut files = transaction.prepare("SELECT sources FROM units WHERE unit = ?1")?;
    let mut update = transaction.prepare("UPDATE units SET sources = ?2 WHERE unit = ?1")?;
    let units = units.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    for unit in units {
        let mut sources = files.query_row([unit], |row| sources_of(row, 0))?;
        if names.take_out_of_all(&mut sources) {
            update.execute(params![unit, to_json(&sources)?])?;
        }
    }
    Ok(())
}

fn overwrite_what_is_deleted(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "secure_delete", true)
}

/// Writes the file anew without its free space, and empties the log.
fn leave_no_trace(connection: &Connection) -> rusqlite::Result<()> {
    overwrite_what_is_deleted(connection)?;
    connection.execute_batch("VACUUM")?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}
