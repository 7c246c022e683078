//! Whom a cache names, and where.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use na_model::{ColumnNotes, Names, Session, SourceRoot, take_out_of_notes};

use crate::db::database::Database;
use crate::db::schema::setting;
use crate::error::CacheError;
use crate::read::row_conversions::{session, sources};
use crate::read::run_record::outcomes;

/// All sessions of units, of the run's list and of its outcomes.
pub(crate) fn sessions(database: &Database) -> Result<BTreeSet<Session>, CacheError> {
    let sessions = database.query(
        "SELECT subject_code, session_id FROM units UNION SELECT subject_code, session_id FROM listed_sessions
         UNION SELECT subject_code, session_id FROM outcomes",
        session,
    )?;
    Ok(sessions.into_iter().collect())
}

/// The roots of the run.
pub(crate) fn roots(database: &Database) -> Result<BTreeMap<SourceRoot, PathBuf>, CacheError> {
    database.json_setting(setting::ROOTS)
}

/// What the run's list says of its columns.
pub(crate) fn column_notes(database: &Database) -> Result<ColumnNotes, CacheError> {
    database.json_setting(setting::COLUMN_NOTES)
}

/// Whether anything recorded of a source file (path, mask, sidecar), the reason of an outcome, a root or the note of a column
/// has one of these names.
pub(crate) fn is_named_in(database: &Database, names: &Names) -> Result<bool, CacheError> {
    let units = database
        .query("SELECT sources FROM units", |row| Ok(names.take_out_of_all(&mut sources(row, 0)?)))?;
    Ok(units.contains(&true)
        || names.take_out_of_roots(&mut roots(database)?)
        || take_out_of_notes(names, &mut column_notes(database)?)
        || outcomes(database)?.iter_mut().any(|outcome| names.leave_untold(&mut outcome.reason)))
}
