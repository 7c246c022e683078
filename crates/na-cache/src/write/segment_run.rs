//! What a process that writes segments is asked to do.

use std::path::PathBuf;
use std::time::Duration;

use na_model::ReadAt;

use crate::read::run_record::RunRecord;

/// What writes segments: a run of one process.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "plain data: what a name does not say is documented")]
pub struct SegmentRun {
    pub output: PathBuf,
    /// The job or the process, for people: it is part of the segments' names.
    pub writer: String,
    pub record: RunRecord,
    /// Of several runs that list a session, the list of the one that started last counts.
    pub started: ReadAt,
    pub limits: SegmentLimits,
}

/// When a segment is published: at the first of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentLimits {
    /// Units in it.
    pub units: usize,
    /// Of tables, bytes.
    pub bytes: usize,
    /// Since its first unit: a process that dies loses no more than that.
    pub time: Duration,
}

impl Default for SegmentLimits {
    fn default() -> Self {
        Self { units: 256, bytes: 64 << 20, time: Duration::from_secs(30) }
    }
}
