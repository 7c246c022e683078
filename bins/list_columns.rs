//! What is what in a session list, as the arguments of both commands say it.

use clap::Args;
use na_pipeline::SessionListOptions;

/// The columns of a session list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct ListColumns {
    /// The session list's columns to keep (with commas) [default: all but direct identifiers]
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', help_heading = "Session list")]
    metadata_columns: Option<Vec<String>>,
    /// A column to keep although it looks like a direct identifier (repeat it for several)
    #[arg(long, value_name = "NAME", help_heading = "Session list")]
    keep_column: Vec<String>,
    /// The column of age, years [default: the first of AGE, Age@Scan, age, Age]
    #[arg(long, value_name = "COLUMN", help_heading = "Session list")]
    age_column: Option<String>,
    /// The column of subjects [default: the first of subject_code, SubjectCode, participant_id, subject, sub, id]
    #[arg(long, value_name = "COLUMN", help_heading = "Session list")]
    subject_column: Option<String>,
    /// The column of sessions [default: the first of session_id, ScanID, session, ses]
    #[arg(long, value_name = "COLUMN", help_heading = "Session list")]
    session_column: Option<String>,
}

impl ListColumns {
    /// Whether nothing is said of a list.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How a list is read.
    pub(crate) fn options(&self) -> SessionListOptions {
        let Self { metadata_columns, keep_column, age_column, subject_column, session_column } = self.clone();
        SessionListOptions {
            metadata_columns,
            keep_columns: keep_column,
            age_column,
            subject_column,
            session_column,
        }
    }
}
