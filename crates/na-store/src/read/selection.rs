//! Whether what a reader asks for is in the store: a name of nobody would give no row, without a word.

use std::collections::{BTreeSet, HashSet};

use na_model::{Session, SubjectCode, TableName};

use crate::error::StoreError;
use crate::read::options::ReadOptions;
use crate::read::snapshot::Snapshot;
use crate::read::suggest::{closest, unknown};

impl ReadOptions {
    /// That there is something in every list.
    pub(crate) fn are_not_empty(&self) -> Result<(), StoreError> {
        let lists = [
            ("sessions", self.sessions.as_ref().map(HashSet::is_empty)),
            ("subjects", self.subjects.as_ref().map(HashSet::is_empty)),
            ("regions", self.regions.as_ref().map(Vec::is_empty)),
            ("metrics", self.metrics.as_ref().map(Vec::is_empty)),
        ];
        match lists.into_iter().find(|(_, is_empty)| *is_empty == Some(true)) {
            Some((what, _)) => Err(StoreError::EmptyList { what }),
            None => Ok(()),
        }
    }
}

impl Snapshot {
    /// That the subjects and sessions asked for are there, whether or not they have rows in the table at hand.
    pub(crate) fn has_sessions(&self, options: &ReadOptions) -> Result<(), StoreError> {
        if options.wants_all_sessions() {
            return Ok(());
        }
        let mut missing = Missing::all_of(options);
        let metadata = self.metadata()?;
        missing.strike(&metadata.sessions);
        if missing.is_empty() {
            return Ok(());
        }
        // A store of another program may have tables with sessions that its metadata do not name.
        let mut known: BTreeSet<Session> = metadata.sessions.iter().cloned().collect();
        for table in &self.in_parquet {
            let Some(long) = self.old(table)? else { continue };
            let sessions = &long.index.sessions;
            missing.strike(sessions);
            if missing.is_empty() {
                return Ok(());
            }
            known.extend(sessions.iter().cloned());
        }
        Err(missing.error(self, &known))
    }

    /// That a long table has the regions asked for.
    pub(crate) fn has_regions(&self, table: &TableName, options: &ReadOptions) -> Result<(), StoreError> {
        let Some(regions) = &options.regions else { return Ok(()) };
        let labels = self.labels(table)?;
        match regions.iter().find(|region| labels.binary_search(region).is_err()) {
            Some(wrong) => Err(unknown("region", wrong, self.output(), labels.iter().map(String::as_str))),
            None => Ok(()),
        }
    }

    /// The regions of a long table, sorted.
    pub(crate) fn labels(&self, table: &TableName) -> Result<Vec<String>, StoreError> {
        let merge = self.merge(table)?;
        let old = merge.old.iter().flat_map(|old| &old.index.regions);
        let cached = merge.forms.iter().flat_map(|form| form.regions.as_slice());
        let mut labels: Vec<String> = old.chain(cached).filter_map(|region| region.label.clone()).collect();
        labels.sort_unstable();
        labels.dedup();
        Ok(labels)
    }
}

/// What was asked for and not found yet.
struct Missing<'a> {
    subjects: BTreeSet<&'a SubjectCode>,
    sessions: BTreeSet<&'a Session>,
}

impl<'a> Missing<'a> {
    fn all_of(options: &'a ReadOptions) -> Self {
        Self {
            subjects: options.subjects.iter().flatten().collect(),
            sessions: options.sessions.iter().flatten().collect(),
        }
    }

    fn strike(&mut self, known: &[Session]) {
        for session in known {
            self.subjects.remove(&session.subject);
            self.sessions.remove(session);
        }
    }

    fn is_empty(&self) -> bool {
        self.subjects.is_empty() && self.sessions.is_empty()
    }

    fn error(&self, snapshot: &Snapshot, known: &BTreeSet<Session>) -> StoreError {
        let subjects: BTreeSet<&str> = known.iter().map(|session| session.subject.as_str()).collect();
        let (what, wanted, known): (_, Vec<String>, Vec<String>) = match self.subjects.is_empty() {
            false => (
                "subject",
                self.subjects.iter().map(ToString::to_string).collect(),
                subjects.into_iter().map(str::to_owned).collect(),
            ),
            true => (
                "session",
                self.sessions.iter().map(ToString::to_string).collect(),
                known.iter().map(ToString::to_string).collect(),
            ),
        };
        let name = wanted.first().cloned().unwrap_or_default();
        StoreError::UnknownSession {
            what,
            nearest: closest(&name, &known),
            name,
            more: wanted.len().saturating_sub(1),
            output: snapshot.output().to_owned(),
            known: known.len(),
        }
    }
}
