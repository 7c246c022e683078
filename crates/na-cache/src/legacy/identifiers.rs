//! The identifiers of a pandas cache: as SQL, as it writes them, and as sessions.

use na_model::{Session, SessionId, SubjectCode};

/// A subject and a session as the cache writes them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WrittenSession {
    pub(crate) subject: Option<String>,
    pub(crate) session: Option<String>,
}

impl WrittenSession {
    /// From a row's first two columns.
    pub(crate) fn from_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { subject: row.get(0)?, session: row.get(1)? })
    }

    /// The session, by the one rule that cleans identifiers; or why it is none.
    pub(crate) fn clean(&self) -> Result<Session, String> {
        // A missing subject is cleaned as an empty one, which is an error; a missing session is none.
        let subject = SubjectCode::clean(self.subject.as_deref().unwrap_or(""));
        let id = SessionId::clean(self.session.as_deref().unwrap_or(""));
        Ok(Session::new(subject.map_err(|e| e.to_string())?, id.map_err(|e| e.to_string())?))
    }
}

impl std::fmt::Display for WrittenSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.subject.as_deref().unwrap_or("(no subject)"))?;
        self.session.as_deref().map_or(Ok(()), |session| write!(f, " {session}"))
    }
}

/// SQL for an identifier as text. Where one of a column was missing, pandas made whole numbers doubles: `7.0` is `7`.
pub(crate) fn as_text(column: &str) -> String {
    format!(
        "CASE WHEN typeof({column}) = 'real' AND {column} = CAST({column} AS INTEGER)
         THEN CAST(CAST({column} AS INTEGER) AS TEXT) ELSE CAST({column} AS TEXT) END"
    )
}

/// SQL for the name of a table.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
