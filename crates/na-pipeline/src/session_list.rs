//! The session list: which sessions a run is about, and what is known of them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use na_model::{ListedSession, Listing, Session, SessionId, SubjectCode};

use crate::error::PipelineError;

mod choice;
mod rows;
mod words;

use choice::Choice;
use rows::{Row, Rows};

/// What the command line says of the session list's columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionListOptions {
    /// The metadata columns to keep; without them all that do not look like direct identifiers.
    pub metadata_columns: Option<Vec<String>>,
    /// The column of age, years.
    pub age_column: Option<String>,
    /// The column of subjects.
    pub subject_column: Option<String>,
    /// The column of sessions.
    pub session_column: Option<String>,
}

/// Identifiers as a list or a folder writes them, without BIDS' prefixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenIds {
    /// The subject.
    pub subject: String,
    /// The session, where there is one.
    pub session: Option<String>,
}

/// The sessions of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionList {
    /// The sessions and their metadata.
    pub listing: Listing,
    /// How each of them was written, in the same order.
    pub as_written: Vec<WrittenIds>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Reads a session list: `.csv` with commas or `.tsv` with tabs, a row a session, everything as text.
///
/// # Errors
/// A file that cannot be read or is not such a list; two rows for one session that differ; identifiers that cannot
/// be cleaned; ages that are no numbers. Each names the file, the line where there is one, and the way out.
pub fn read_session_list(path: &Path, options: &SessionListOptions) -> Result<SessionList, PipelineError> {
    let rows = Rows::read(path)?;
    let choice = Choice::new(path, &rows, options)?;
    let mut list = SessionList::default();
    let mut seen: HashMap<Session, &Row> = HashMap::new();
    let mut repeated = 0_usize;
    for row in &rows.rows {
        let (session, written) = identify(path, &rows, row, &choice)?;
        match seen.entry(session) {
            Entry::Occupied(first) if first.get().cells == row.cells => repeated += 1,
            Entry::Occupied(first) => {
                return Err(same_session(path, &rows, first.key(), first.get(), row, &choice));
            }
            Entry::Vacant(new) => {
                let values = choice.values(path, &rows, row)?;
                list.listing.rows.push(ListedSession { session: new.key().clone(), values });
                list.as_written.push(written);
                new.insert(row);
            }
        }
    }
    list.listing.columns = choice.columns.iter().map(|column| column.name.clone()).collect();
    list.notes = choice.notes;
    if repeated > 0 {
        list.notes
            .push(format!("{}: {repeated} rows are repetitions of others and were left out", path.display()));
    }
    Ok(list)
}

fn identify(
    path: &Path,
    rows: &Rows,
    row: &Row,
    choice: &Choice,
) -> Result<(Session, WrittenIds), PipelineError> {
    let subject_cell = row.cell(choice.subject);
    let session_cell = choice.session.map(|column| row.cell(column)).unwrap_or_default();
    let problem = |error: na_model::ModelError| rows.problem(path, row, error.to_string());
    if matches!(subject_cell, "n/a" | "") {
        return Err(problem(na_model::ModelError::EmptySubject));
    }
    let subject = SubjectCode::clean(subject_cell).map_err(problem)?;
    let id = SessionId::clean(session_cell).map_err(problem)?;
    let written = WrittenIds {
        subject: without_prefix(subject_cell, "sub-"),
        session: id.is_some().then(|| without_prefix(session_cell, "ses-")),
    };
    Ok((Session::new(subject, id), written))
}

fn without_prefix(cell: &str, prefix: &str) -> String {
    cell.strip_prefix(prefix).unwrap_or(cell).to_owned()
}

fn same_session(
    path: &Path,
    rows: &Rows,
    session: &Session,
    first: &Row,
    second: &Row,
    choice: &Choice,
) -> PipelineError {
    let written = |row: &Row| {
        let session = choice.session.map(|column| format!(", {}", row.cell(column))).unwrap_or_default();
        format!("{}{session}", row.cell(choice.subject))
    };
    PipelineError::SameSession {
        path: path.to_owned(),
        session: session.to_string(),
        first_line: rows.line(first),
        first: written(first),
        second_line: rows.line(second),
        second: written(second),
    }
}

#[cfg(test)]
mod tests;
