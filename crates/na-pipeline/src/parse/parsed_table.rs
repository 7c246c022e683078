//! What an input makes of the files of one table.

use arrow_array::RecordBatch;

/// A table of one session and one map.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedTable {
    /// The columns in the file's order, a row a region; `Int64`, `Float64`, `Boolean`, `Utf8`, or `Null` for a
    /// column without values that has no known type.
    pub batch: RecordBatch,
    /// What the user should know of this file alone.
    pub notes: Vec<String>,
    /// What the user should know, and what many files of a run may have alike.
    pub remarks: Vec<Remark>,
    /// The version of the program that wrote it. `None` if its files do not say it, or a sidecar does.
    pub version: Option<String>,
    /// The session's total intracranial volume, mL, if this is where it is measured.
    pub volume: Option<f64>,
}

impl ParsedTable {
    /// A table of which nothing else is known.
    #[must_use]
    pub fn new(batch: RecordBatch) -> Self {
        Self { batch, notes: Vec::new(), remarks: Vec::new(), version: None, volume: None }
    }
}

/// What many sessions may have alike: it is told once a run, with their number and an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// What they have, behind "3 sessions have": `tables that were made of another session's images`.
    pub what: &'static str,
    /// One of them: its file, and what stands there.
    pub example: String,
    /// What follows from it, or what to do.
    pub advice: &'static str,
}
