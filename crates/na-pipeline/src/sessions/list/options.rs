//! What the command line says of the session list.

/// What the command line says of the session list's columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionListOptions {
    /// The metadata columns to keep; `None` for all that do not look like direct identifiers.
    pub metadata_columns: Option<Vec<String>>,
    /// Columns to keep although they look like direct identifiers.
    pub keep_columns: Vec<String>,
    /// The column of ages.
    pub age_column: Option<String>,
    /// The column of subjects.
    pub subject_column: Option<String>,
    /// The column of sessions.
    pub session_column: Option<String>,
}
