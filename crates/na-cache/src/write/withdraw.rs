//! Deletes sessions from a cache, and their names from what it records of others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use na_model::{ColumnNotes, Names, Session, SourceRoot, UnitOutcome, take_out_of_notes};
use rusqlite::{Transaction, params};

use crate::db::database::Database;
use crate::db::schema::setting;
use crate::error::CacheError;
use crate::read::row_conversions::{sources, to_json};
use crate::read::{mentions, run_record};
use crate::write::run_record::write_outcomes;

/// The sessions that leave, and what the cache records without them.
pub(crate) struct Withdrawal<'a> {
    sessions: &'a BTreeSet<Session>,
    names: &'a Names,
    /// Lines of the list that names them.
    n_listed: u64,
    /// Those of the sessions that stay.
    outcomes: Vec<UnitOutcome>,
    /// `None` if none of the names is in a root.
    roots: Option<BTreeMap<SourceRoot, PathBuf>>,
    /// `None` if none of the names is in a note.
    notes: Option<ColumnNotes>,
}

impl<'a> Withdrawal<'a> {
    pub(crate) fn of(
        database: &Database,
        sessions: &'a BTreeSet<Session>,
        names: &'a Names,
        n_listed: u64,
    ) -> Result<Self, CacheError> {
        let mut outcomes = run_record::outcomes(database)?;
        outcomes.retain(|outcome| !sessions.contains(&outcome.unit.session));
        for outcome in &mut outcomes {
            names.leave_untold(&mut outcome.reason);
        }
        let mut roots = mentions::roots(database)?;
        let roots = names.take_out_of_roots(&mut roots).then_some(roots);
        let mut notes = mentions::column_notes(database)?;
        let notes = take_out_of_notes(names, &mut notes).then_some(notes);
        Ok(Self { sessions, names, n_listed, outcomes, roots, notes })
    }

    pub(crate) fn write(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        self.delete_from(transaction, "units")?;
        self.delete_from(transaction, "listed_sessions")?;
        let roots = self.roots.as_ref().map(to_json).transpose()?.map(|roots| (setting::ROOTS, roots));
        let notes = self.notes.as_ref().map(to_json).transpose()?.map(|notes| (setting::COLUMN_NOTES, notes));
        for (key, value) in roots.into_iter().chain(notes) {
            transaction.execute("UPDATE settings SET value = ?2 WHERE key = ?1", [key, &value])?;
        }
        let known = [setting::KNOWS_WITHDRAWALS, &self.n_listed.to_string()];
        transaction.execute("INSERT OR REPLACE INTO settings VALUES (?1, ?2)", known)?;
        take_out_names(transaction, self.names)?;
        write_outcomes(transaction, &self.outcomes)
    }

    fn delete_from(&self, transaction: &Transaction<'_>, table: &str) -> rusqlite::Result<()> {
        let sql = format!("DELETE FROM {table} WHERE subject_code = ?1 AND session_id IS ?2");
        let mut delete = transaction.prepare(&sql)?;
        for session in self.sessions {
            delete.execute(params![session.subject.as_str(), session.id_str()])?;
        }
        Ok(())
    }
}

/// Takes names out of what is recorded of the remaining units' files.
fn take_out_names(transaction: &Transaction<'_>, names: &Names) -> rusqlite::Result<()> {
    let mut units = transaction.prepare("SELECT unit FROM units")?;
    let mut files = transaction.prepare("SELECT sources FROM units WHERE unit = ?1")?;
    let mut update = transaction.prepare("UPDATE units SET sources = ?2 WHERE unit = ?1")?;
    let units = units.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    for unit in units {
        let mut sources = files.query_row([unit], |row| sources(row, 0))?;
        if names.take_out_of_all(&mut sources) {
            update.execute(params![unit, to_json(&sources)?])?;
        }
    }
    Ok(())
}
