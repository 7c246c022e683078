//! Checks that what a reader asks for is in the store: an unknown name would silently give no row.

use std::collections::BTreeSet;
use std::path::Path;

use foldhash::HashSet;
use na_model::{Session, SubjectCode, TableName};

use crate::error::StoreError;
use crate::read::options::ReadOptions;
use crate::read::snapshot::Snapshot;
use crate::read::suggest::{closest, unknown};

impl ReadOptions {
    /// Checks that no list is empty.
    ///
    /// # Errors
    /// [`StoreError::EmptyList`].
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
    /// Checks that the subjects and sessions asked for exist, whether or not they have rows in the table at hand.
    ///
    /// # Errors
    /// [`StoreError::UnknownSession`]; a store that cannot be read.
    pub(crate) fn has_sessions(&self, options: &ReadOptions) -> Result<(), StoreError> {
        if options.wants_all_sessions() {
            return Ok(());
        }
        let mut missing = MissingSessions::all_of(options);
        let metadata = self.metadata()?;
        missing.remove(&metadata.sessions);
        if missing.is_empty() {
            return Ok(());
        }
        // A store of another program may have tables with sessions that its metadata lacks.
        let mut known: BTreeSet<Session> = metadata.sessions.iter().cloned().collect();
        for table in &self.in_parquet {
            let Some(long) = self.old(table)? else { continue };
            let sessions = &long.index.sessions;
            missing.remove(sessions);
            if missing.is_empty() {
                return Ok(());
            }
            known.extend(sessions.iter().cloned());
        }
        Err(missing.into_error(self, &known))
    }

    /// Checks that a long table has the regions asked for.
    ///
    /// # Errors
    /// [`StoreError::UnknownName`]; a store that cannot be read.
    pub(crate) fn has_regions(&self, table: &TableName, options: &ReadOptions) -> Result<(), StoreError> {
        let Some(regions) = &options.regions else { return Ok(()) };
        let labels = self.labels(table)?;
        match regions.iter().find(|region| labels.binary_search(region).is_err()) {
            Some(wrong) => Err(unknown("region", wrong, self.output(), labels.iter().map(String::as_str))),
            None => Ok(()),
        }
    }

    /// The labels of a long table's regions, sorted.
    pub(crate) fn labels(&self, table: &TableName) -> Result<Vec<String>, StoreError> {
        let old = self.old(table)?;
        let old = old.iter().flat_map(|old| &old.index.regions);
        let forms = self.cached.iter().flat_map(|cached| &cached.forms).filter(|form| form.table == *table);
        let cached = forms.flat_map(|form| form.regions.as_slice());
        let mut labels: Vec<String> = old.chain(cached).filter_map(|region| region.label.clone()).collect();
        labels.sort_unstable();
        labels.dedup();
        Ok(labels)
    }
}

/// Subjects and sessions that were asked for and are not found yet.
struct MissingSessions<'a> {
    subjects: BTreeSet<&'a SubjectCode>,
    sessions: BTreeSet<&'a Session>,
}

impl<'a> MissingSessions<'a> {
    fn all_of(options: &'a ReadOptions) -> Self {
        Self {
            subjects: options.subjects.iter().flatten().collect(),
            sessions: options.sessions.iter().flatten().collect(),
        }
    }

    fn remove(&mut self, found: &[Session]) {
        for session in found {
            self.subjects.remove(&session.subject);
            self.sessions.remove(session);
        }
    }

    fn is_empty(&self) -> bool {
        self.subjects.is_empty() && self.sessions.is_empty()
    }

    /// Names the first missing subject, or else the first missing session.
    fn into_error(self, snapshot: &Snapshot, known: &BTreeSet<Session>) -> StoreError {
        let output = snapshot.output();
        if self.subjects.is_empty() {
            return unknown_session("session", &texts(self.sessions), &texts(known), output);
        }
        let known: BTreeSet<&SubjectCode> = known.iter().map(|session| &session.subject).collect();
        unknown_session("subject", &texts(self.subjects), &texts(known), output)
    }
}

fn texts<T: ToString>(all: impl IntoIterator<Item = T>) -> Vec<String> {
    all.into_iter().map(|one| one.to_string()).collect()
}

fn unknown_session(what: &'static str, missing: &[String], known: &[String], output: &Path) -> StoreError {
    let name = missing.first().cloned().unwrap_or_default();
    StoreError::UnknownSession {
        what,
        nearest: closest(&name, known),
        name,
        more: missing.len().saturating_sub(1),
        output: output.to_owned(),
        known: known.len(),
    }
}
