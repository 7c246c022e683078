//! Which sessions the store and its cache hold, and which folders their files are from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use foldhash::HashMap;
use na_cache::Cache;
use na_model::{Modality, Session, SessionId, SourceFile, SubjectCode};
use na_store::{ExistingStore, SourceDetail, StoreError};

use crate::error::PipelineError;
use crate::files::source_folder::{RootKey, folder_of};
use crate::identifiers::name_match::number;

/// What the store knows before a run.
#[derive(Debug, Default)]
pub(crate) struct StoredSessions {
    sessions: BTreeMap<SubjectCode, BTreeSet<Option<SessionId>>>,
    /// The metadata columns of the store, by the names that the session lists gave them.
    pub(crate) metadata_columns: Vec<String>,
    subjects_by_number: HashMap<String, Vec<SubjectCode>>,
    /// Read when it is first asked for: few runs need it.
    folders: OnceLock<FolderOwners>,
    store: Option<Arc<ExistingStore>>,
    cache: Mutex<Option<Arc<Cache>>>,
}

/// Whose files the store has from a folder.
#[derive(Debug, Default)]
struct FolderOwners(HashMap<RootKey, HashMap<String, BTreeSet<Session>>>);

impl StoredSessions {
    /// What a store and its cache hold; of a fresh load the cache alone counts.
    pub(crate) fn of(
        store: Option<&Arc<ExistingStore>>,
        cache: Option<&Arc<Cache>>,
    ) -> Result<Self, PipelineError> {
        let mut known = Self { store: store.cloned(), cache: Mutex::new(cache.cloned()), ..Self::default() };
        let cached = cache.map(|cache| cache.units()).transpose()?.unwrap_or_default();
        let stored = store.map(|store| store.metadata()).transpose()?.unwrap_or_default();
        known.metadata_columns = stored.columns;
        // The list of a load that was cut short may have had others.
        let listed = cache.map(|cache| cache.run_record()).transpose()?.flatten();
        known.metadata_columns.extend(listed.into_iter().flat_map(|record| record.listing.columns));
        for session in stored.sessions.into_iter().chain(cached.into_iter().map(|unit| unit.unit.session)) {
            known.sessions.entry(session.subject).or_default().insert(session.id);
        }
        for subject in known.sessions.keys() {
            if let Some(number) = number(subject.as_str()) {
                known.subjects_by_number.entry(number).or_default().push(subject.clone());
            }
        }
        Ok(known)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    pub(crate) fn sessions(&self) -> impl Iterator<Item = Session> + '_ {
        self.sessions
            .iter()
            .flat_map(|(subject, ids)| ids.iter().map(|id| Session::new(subject.clone(), id.clone())))
    }

    pub(crate) fn has_subject(&self, subject: &SubjectCode) -> bool {
        self.sessions.contains_key(subject)
    }

    /// The visits of a subject.
    pub(crate) fn visits(&self, subject: &SubjectCode) -> impl Iterator<Item = &Option<SessionId>> {
        self.sessions.get(subject).into_iter().flatten()
    }

    /// The one stored subject with a code that equals this one as a number.
    pub(crate) fn subject_of_number(&self, subject: &SubjectCode) -> Option<&SubjectCode> {
        match self.subjects_by_number.get(&number(subject.as_str())?)?.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }

    /// The one stored visit of a subject with an id that equals this one as a number.
    pub(crate) fn visit_of_number(&self, subject: &SubjectCode, id: &SessionId) -> Option<&SessionId> {
        let wanted = number(id.as_str())?;
        let mut same =
            self.visits(subject).flatten().filter(|id| number(id.as_str()).as_ref() == Some(&wanted));
        same.next().filter(|_| same.next().is_none())
    }

    /// The sessions that have files from a subject's folder in the store, or from one session's folder of it.
    pub(crate) fn owners(
        &self,
        root: &RootKey,
        subject: &str,
        session: Option<&str>,
    ) -> Result<Vec<&Session>, PipelineError> {
        let folder = match session {
            None => subject.to_owned(),
            Some(session) => format!("{subject}/{session}"),
        };
        let owners = self.folder_owners()?.0.get(root).and_then(|folders| folders.get(&folder));
        Ok(owners.into_iter().flatten().collect())
    }

    /// Closes the cache: where its file has one user at a time, the writer needs it.
    pub(crate) fn close_cache(&self) {
        *self.cache() = None;
    }

    fn cache(&self) -> MutexGuard<'_, Option<Arc<Cache>>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn folder_owners(&self) -> Result<&FolderOwners, PipelineError> {
        if let Some(owners) = self.folders.get() {
            return Ok(owners);
        }
        let mut owners = FolderOwners::default();
        if let Some(cache) = self.cache().as_ref() {
            for unit in cache.units()? {
                owners.add(&unit.unit.session, unit.unit.modality(), &cache.sources(&unit)?);
            }
        }
        if let Some(store) = &self.store {
            store.for_each_unit::<StoreError>(SourceDetail::States, |stored| {
                owners.add(&stored.unit.session, stored.unit.modality(), &stored.sources);
                Ok(())
            })?;
        }
        Ok(self.folders.get_or_init(|| owners))
    }
}

impl FolderOwners {
    fn add(&mut self, session: &Session, modality: Modality, sources: &[SourceFile]) {
        for source in sources {
            let Some((root, (subject, id))) = folder_of(source, modality) else { continue };
            let folders = self.0.entry(root).or_default();
            if let Some(id) = id {
                folders.entry(format!("{subject}/{id}")).or_default().insert(session.clone());
            }
            folders.entry(subject).or_default().insert(session.clone());
        }
    }
}
