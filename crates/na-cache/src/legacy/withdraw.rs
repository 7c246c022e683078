//! Deletes sessions from a cache that the pandas package left.

use std::collections::BTreeSet;

use na_model::Session;
use na_model::columns::{SESSION, SUBJECT};
use rusqlite::{Transaction, params};

use crate::db::busy::{begin, until_free};
use crate::db::files::cache_path;
use crate::db::pool::{READ_WRITE, connect};
use crate::db::secure_delete::{leave_no_trace, overwrite_deleted};
use crate::error::CacheError;
use crate::legacy::identifiers::{WrittenSession, as_text, quoted};
use crate::lock::owner_lock::OwnerLock;

/// Deletes sessions from a cache that the pandas package left, in whichever form it writes their identifiers, so that no
/// byte of them is left in its files.
///
/// # Errors
/// [`CacheError::LockLost`]; a cache that cannot be read or written.
pub fn withdraw_from_pandas_cache(lock: &OwnerLock, sessions: &BTreeSet<Session>) -> Result<(), CacheError> {
    let location = cache_path(lock.output());
    let sqlite = |source| CacheError::sqlite(&location, source);
    let connection = connect(&location, READ_WRITE)?;
    overwrite_deleted(&connection).map_err(sqlite)?;
    let transaction = begin(&connection, &location, lock.cancel())?;
    withdraw_rows(&transaction, sessions).map_err(sqlite)?;
    lock.ownership().check()?;
    transaction.commit().map_err(sqlite)?;
    until_free(&location, lock.cancel(), || leave_no_trace(&connection))
}

/// Every table with a column of subjects is one of sessions: the package has one for each tissue and workflow.
fn withdraw_rows(transaction: &Transaction<'_>, sessions: &BTreeSet<Session>) -> rusqlite::Result<()> {
    let mut tables = transaction.prepare(&format!(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND EXISTS (
             SELECT 1 FROM pragma_table_info(sqlite_schema.name) WHERE name = '{SUBJECT}')",
    ))?;
    let tables = tables.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    tables.iter().try_for_each(|table| withdraw_from_table(transaction, &quoted(table), sessions))
}

/// A table without sessions loses every subject who has a session that leaves.
fn withdraw_from_table(
    transaction: &Transaction<'_>,
    table: &str,
    sessions: &BTreeSet<Session>,
) -> rusqlite::Result<()> {
    let has_sessions = transaction.prepare(&format!("SELECT {SESSION} FROM {table}")).is_ok();
    let subject = as_text(SUBJECT);
    let id = if has_sessions { as_text(SESSION) } else { "NULL".to_owned() };
    let mut written = transaction.prepare(&format!("SELECT DISTINCT {subject}, {id} FROM {table}"))?;
    let written = written
        .query_map([], WrittenSession::from_row)?
        .collect::<rusqlite::Result<Vec<WrittenSession>>>()?;
    let leaves = |session: Session| match has_sessions {
        true => sessions.contains(&session),
        false => sessions.iter().any(|leaving| leaving.subject == session.subject),
    };
    let delete = format!("DELETE FROM {table} WHERE {subject} IS ?1 AND {id} IS ?2");
    for WrittenSession { subject, session } in
        written.iter().filter(|written| written.clean().is_ok_and(leaves))
    {
        transaction.execute(&delete, params![subject, session])?;
    }
    Ok(())
}
