//! What the command line says of the session list.

use serde::{Deserialize, Serialize};

/// What the command line says of the session list's columns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
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

impl SessionListOptions {
    /// As text for the record of a run.
    #[must_use]
    pub fn written(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }

    /// What a record says. `None` if it cannot be understood.
    pub(crate) fn from_record(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}
